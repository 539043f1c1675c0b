import {
  type ContainerError,
  type DatasetKey,
  Decryptor,
  findProfile,
  noVariantBlock,
  openCiphertextList,
} from "@cos/fhe";
import { err, ok, type Result } from "@cos/protocol";
import type { Plan } from "../plan/plan.ts";

/** Decrypted sums of one dataset: by name, one whole number per variant of the axis (or one in all). */
export type OpenedSums = { dataset: number; sums: ReadonlyMap<string, readonly bigint[]> };

export type OpenError =
  | ContainerError
  /** The key holds no secret for the profile of the result. */
  | { code: "KEY_LACKS_PROFILE"; profile: string };

/**
 * Decrypts one dataset's part of a result and reads its sums. Only for a result that `verifyResult` has passed:
 * what comes out of a forged one is the secret key.
 * @param dataset index in the permit; its entries must be under `key`
 */
export async function openResult(
  plan: Plan,
  resultBytes: Uint8Array,
  key: DatasetKey,
  dataset = 0,
): Promise<Result<OpenedSums, OpenError>> {
  const list = openCiphertextList(resultBytes);
  if (!list.ok) return list;
  const part = plan.datasets[dataset];
  if (part === undefined) throw new RangeError(`no dataset ${dataset}`);
  const length = Math.max(1, ...part.variantBlocks.map((b) => b.first + b.count));
  const digits = part.readouts.map((readout) => ({
    readout,
    values: new Float64Array(readout.perVariant ? length : 1),
  }));
  const decryptors = new Map<string, Decryptor>();
  try {
    for (let i = 0; i < list.value.count; i += 1) {
      const entry = list.value.describe(i);
      if (plan.contractions[entry.contraction]?.dataset !== dataset) continue;
      const decryptor = await decryptorOf(
        decryptors,
        key,
        list.value.header.contexts[entry.context]?.profile ?? "",
      );
      if (!decryptor.ok) return decryptor;
      const packed = list.value.packed(i);
      if (!packed.ok) return packed;
      const opened = decryptor.value.open(packed.value, entry.degree);
      if (!opened.ok) return opened;
      const block =
        entry.variantBlock === noVariantBlock
          ? { first: 0, count: 1 }
          : part.variantBlocks[entry.variantBlock];
      for (const { readout, values } of digits) {
        if (readout.contraction !== entry.contraction || block === undefined) continue;
        for (let v = 0; v < block.count; v += 1) {
          const code = Math.floor((opened.value[readout.coefficient + v] as number) / readout.divisor);
          values[block.first + v] =
            (values[block.first + v] as number) + (readout.modulus === null ? code : code % readout.modulus);
        }
      }
    }
  } finally {
    for (const decryptor of decryptors.values()) decryptor.free();
  }
  return ok({ dataset, sums: joinDigits(digits) });
}

async function decryptorOf(
  known: Map<string, Decryptor>,
  key: DatasetKey,
  name: string,
): Promise<Result<Decryptor, OpenError>> {
  const before = known.get(name);
  if (before !== undefined) return ok(before);
  const profile = findProfile(name);
  const secret = key.secrets.get(name);
  if (!profile.ok || secret === undefined) return err({ code: "KEY_LACKS_PROFILE", profile: name });
  const decryptor = await Decryptor.create(profile.value, secret);
  known.set(name, decryptor);
  return ok(decryptor);
}

/** Sums over digits: each digit's total is far below 2^53, their radix sum need not be. */
function joinDigits(
  digits: readonly { readout: { sum: string; radixPower: number }; values: Float64Array }[],
): Map<string, bigint[]> {
  const sums = new Map<string, bigint[]>();
  for (const { readout, values } of digits) {
    const sum = sums.get(readout.sum) ?? new Array<bigint>(values.length).fill(0n);
    for (let v = 0; v < values.length; v += 1) {
      sum[v] = (sum[v] as bigint) + (BigInt(values[v] as number) << BigInt(readout.radixPower));
    }
    sums.set(readout.sum, sum);
  }
  return sums;
}
