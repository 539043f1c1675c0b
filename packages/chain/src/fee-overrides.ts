import type { Provider, Signer } from "ethers";

/**
 * On a chain without a base fee, such as the embedded one, transactions are sent at price zero, so that nobody needs
 * coin. Elsewhere nothing is overridden and the node's suggestion stands.
 */
export async function feeOverrides(from: Signer | Provider): Promise<{ gasPrice?: bigint }> {
  const provider = "provider" in from && from.provider ? from.provider : (from as Provider);
  const block = await provider.getBlock("latest");
  return block?.baseFeePerGas === 0n ? { gasPrice: 0n } : {};
}
