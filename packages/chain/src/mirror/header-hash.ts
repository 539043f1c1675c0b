import { RLP } from "@ethereumjs/rlp";
import { keccak256 } from "ethers";
import { fail } from "./chain-read-error.ts";
import { type Fields, hexField } from "./wire-fields.ts";

const always = [
  "parentHash",
  "sha3Uncles",
  "miner",
  "stateRoot",
  "transactionsRoot",
  "receiptsRoot",
  "logsBloom",
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "extraData",
  "mixHash",
  "nonce",
] as const;
/** Added by hard forks, in this order; a header has the first few of them. */
const sinceForks = [
  "baseFeePerGas",
  "withdrawalsRoot",
  "blobGasUsed",
  "excessBlobGas",
  "parentBeaconBlockRoot",
  "requestsHash",
] as const;
const quantities: ReadonlySet<string> = new Set([
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "baseFeePerGas",
  "blobGasUsed",
  "excessBlobGas",
]);

/**
 * The hash that a header's fields give. It is the block's hash on Ethereum and chains that keep its header; a chain that
 * adds fields of its own gives another.
 * @source Ethereum yellow paper, section 4.3; EIP-1559, 4895, 4844, 4788, 7685
 */
export function hashOfHeader(header: Fields): string {
  const present = sinceForks.filter((name) => header[name] !== undefined && header[name] !== null);
  const fields = [...always, ...present].map((name) => {
    const hex = hexField(header, name).slice(2);
    if (!quantities.has(name)) return Buffer.from(hex, "hex");
    const digits = hex.replace(/^0+/, "");
    return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  });
  return keccak256(RLP.encode(fields));
}

/** @throws ChainReadError `HEADER_FORGED` unless the fields hash to the block's hash */
export function checkHeader(header: unknown): void {
  if (hashOfHeader(header as Fields) !== hexField(header as Fields, "hash")) fail("HEADER_FORGED");
}
