import { type ContractAddresses, contractAt } from "@cos/chain";
import { type ObjectStore, objectKey, readObject } from "@cos/objects";
import { asDigest, digestOfBytes } from "@cos/protocol";
import type { EventLog, Provider } from "ethers";
import { leavesOfBatch, type RecordedUse } from "../../domain/use-batch.ts";

const widestRange = 1_000_000;
/** 10,000 uses take about 3 MB. */
const maxLeavesBytes = 256 * 2 ** 20;

/**
 * Uses that the chain has in batches, oldest first: each batch's leaves lie in the object store under its URI. A range
 * that the node finds too wide is halved.
 * @throws when leaves that the chain names are missing or are others: nobody can say then what was recorded
 */
export async function* recordedBatches(
  provider: Provider,
  addresses: ContractAddresses,
  objects: Pick<ObjectStore, "get">,
): AsyncIterable<{ readonly batchId: string; readonly uses: readonly RecordedUse[] }> {
  const log = contractAt("UsageLog", addresses, provider);
  const head = await provider.getBlockNumber();
  let width = widestRange;
  for (let from = 0; from <= head; ) {
    const to = Math.min(head, from + width - 1);
    const found = await log.queryFilter("UsesBatched", from, to).catch((cause: unknown) => {
      if (width === 1) throw cause;
      return undefined;
    });
    if (found === undefined) {
      width = Math.ceil(width / 2);
      continue;
    }
    for (const event of found as EventLog[]) {
      const { batchId, uri } = event.args as unknown as { batchId: bigint; uri: string };
      yield { batchId: batchId.toString(), uses: leavesOfBatch(await leavesAt(objects, uri)) };
    }
    from = to + 1;
  }
}

async function leavesAt(objects: Pick<ObjectStore, "get">, uri: string): Promise<string> {
  const digest = asDigest(`0x${uri.replace(/^cos-object:/, "")}`);
  const read = await readObject(objects, objectKey(digest), maxLeavesBytes);
  if (!read.ok || digestOfBytes(read.value) !== digest) {
    throw new Error(`the leaves of a recorded batch cannot be read at ${uri}`);
  }
  return Buffer.from(read.value).toString();
}
