/** Region codes are `bytes32` on chain: the UTF-8 name, right-padded with zeros; all zeros means any region. */
import { decodeBytes32String, encodeBytes32String } from "ethers/abi";
import { asDigest, type Digest } from "./ids.ts";

export const anyRegion = asDigest(`0x${"0".repeat(64)}`);

/** `eu` -> bytes32. Throws on names longer than 31 bytes. The empty name is any region. */
export const toRegionCode = (name: string): Digest =>
  name === "" ? anyRegion : asDigest(encodeBytes32String(name));

export const fromRegionCode = (code: string): string => decodeBytes32String(code);
