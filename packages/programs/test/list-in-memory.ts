import { memorySource, readCiphertextList, type StoredCiphertextList } from "@cos/fhe";
import { unwrap } from "@cos/protocol";

/** A result that was just computed, as `openResult` takes it. */
export const listInMemory = async (bytes: Uint8Array): Promise<StoredCiphertextList> =>
  unwrap(await readCiphertextList(memorySource(bytes)));
