import { asAddress, asDigest, canonicalJson, type Digest } from "@cos/protocol";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import type { Use } from "./use.ts";

/** Uses that one transaction records. `from` inclusive, `to` exclusive, Unix seconds; `leavesJson` is what `uri` holds. */
export type UseBatch = {
  readonly root: Digest;
  readonly count: number;
  readonly from: number;
  readonly to: number;
  readonly leavesJson: string;
};

/** Field types of `UsageLog`'s `Use`, in order: what its `leafOf` hashes. */
export const useLeafTypes = [
  "bytes32",
  "uint256",
  "uint256",
  "address",
  "uint8",
  "bytes32",
  "uint64",
] as const;

const toLeaf = (use: Use): unknown[] => [
  use.useId,
  use.grantId,
  use.datasetId,
  use.grantee,
  use.op,
  use.purposeHash,
  use.usedAt,
];

/**
 * Commits to a batch of uses. The same uses in any order give the same root and the same leaves, byte for byte.
 * @param uses at least one
 * @source OpenZeppelin merkle-tree, standard tree: leaves are the double keccak256 of their ABI encoding, pairs sorted
 */
export function planUseBatch(uses: readonly Use[]): UseBatch {
  const sorted = uses.toSorted((one, other) => (one.useId < other.useId ? -1 : 1));
  const tree = StandardMerkleTree.of(sorted.map(toLeaf), [...useLeafTypes]);
  const times = sorted.map(({ usedAt }) => usedAt);
  return {
    root: tree.root as Digest,
    count: sorted.length,
    from: Math.min(...times),
    to: Math.max(...times) + 1,
    leavesJson: canonicalJson({ format: "cos-use-batch/1", types: useLeafTypes, leaves: sorted.map(toLeaf) }),
  };
}

/** A use as a batch's leaves name it. */
export type RecordedUse = Omit<Use, "purposeHash">;

/** The uses of a recorded batch. @throws when the text is no batch's leaves */
export function leavesOfBatch(leavesJson: string): readonly RecordedUse[] {
  const { format, leaves } = JSON.parse(leavesJson) as { format?: unknown; leaves?: unknown };
  if (format !== "cos-use-batch/1" || !Array.isArray(leaves))
    throw new TypeError("these are no leaves of a batch");
  return (leaves as unknown[][]).map(([useId, grantId, datasetId, grantee, op, , usedAt]) => ({
    useId: asDigest(String(useId)),
    grantId: String(grantId),
    datasetId: String(datasetId),
    grantee: asAddress(String(grantee)),
    op: Number(op),
    usedAt: Number(usedAt),
  }));
}

/** Whether a batch is due: enough uses wait, or the oldest has waited long enough. */
export const isBatchDue = (
  waiting: { readonly count: number; readonly oldest: number },
  limits: { readonly maxUses: number; readonly maxAgeSeconds: number },
  now: number,
): boolean =>
  waiting.count >= limits.maxUses || (waiting.count > 0 && now - waiting.oldest >= limits.maxAgeSeconds);
