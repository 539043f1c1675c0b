import type { Address } from "@cos/protocol";
import { Contract, dataLength, isError, type Provider, recoverAddress, Signature } from "ethers";
import { ServiceUnavailable, type SignatureVerifier } from "../app/ports.ts";

const erc1271 = ["function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)"];
const erc1271Magic = "0x1626ba7e";
const maxSignatureBytes = 4096;

/** Signatures of keys by recovery, of contract wallets by asking them on chain (EIP-1271). */
export function ethersSignatures(provider: Provider): SignatureVerifier {
  return {
    verifyHash: async (address, hash, signature) => {
      const length = dataLength(signature);
      if (length === 0 || length > maxSignatureBytes) return false;
      if (recover(hash, signature) === address) return true;
      return asksContract(provider, address, hash, signature);
    },
  };
}

function recover(hash: string, signature: string): string | undefined {
  try {
    return recoverAddress(hash, Signature.from(signature)).toLowerCase();
  } catch {
    return undefined; // Not an ECDSA signature at all.
  }
}

async function asksContract(
  provider: Provider,
  address: Address,
  hash: string,
  signature: string,
): Promise<boolean> {
  try {
    if ((await provider.getCode(address)) === "0x") return false;
    const wallet = new Contract(address, erc1271, provider);
    return (await wallet.getFunction("isValidSignature").staticCall(hash, signature)) === erc1271Magic;
  } catch (error) {
    // A wallet that reverts or answers nonsense refuses; a chain that cannot be reached decides nothing.
    if (isError(error, "CALL_EXCEPTION") || isError(error, "BAD_DATA")) return false;
    throw new ServiceUnavailable("chain", { cause: error });
  }
}
