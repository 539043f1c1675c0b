import { createMPT } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { hexlify } from "ethers";
import { type Fields, hexField, listField, objectsField } from "./wire-fields.ts";

/**
 * The root of the trie over a block's receipts, as its header carries it.
 * @source Ethereum yellow paper, section 4.3.1; EIP-2718 for typed receipts; EIP-658 for the status
 * @throws ChainReadError `FIELD_MISSING`
 */
export async function receiptsRootOf(receipts: readonly Fields[]): Promise<string> {
  const trie = await createMPT();
  for (const [index, receipt] of receipts.entries())
    await trie.put(RLP.encode(index), encodeReceipt(receipt));
  return hexlify(trie.root());
}

function encodeReceipt(receipt: Fields): Uint8Array {
  const type = receipt.type === undefined ? 0 : Number(hexField(receipt, "type"));
  const outcome =
    receipt.status === undefined ? bytes(hexField(receipt, "root")) : quantity(hexField(receipt, "status"));
  const body = RLP.encode([
    outcome,
    quantity(hexField(receipt, "cumulativeGasUsed")),
    bytes(hexField(receipt, "logsBloom")),
    objectsField(receipt, "logs").map((log) => [
      bytes(hexField(log, "address")),
      listField(log, "topics").map((topic) => bytes(hexField({ topic }, "topic"))),
      bytes(hexField(log, "data")),
    ]),
  ]);
  return type === 0 ? body : Buffer.concat([Buffer.of(type), body]);
}

const bytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

/** Big-endian without leading zeros. */
function quantity(hex: string): Buffer {
  const digits = hex.slice(2).replace(/^0+/, "");
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
}
