import { creditTokenAbi } from "@cos/chain";
import type { Platform } from "@cos/client";
import { operatorKeys } from "@cos/standalone";
import { Contract, JsonRpcProvider, Wallet } from "ethers";

/** The operator of a local platform mints development credits, as `cos credit` does. @returns the transaction */
export async function giveCredit(
  platform: Platform,
  platformDir: string,
  to: string,
  amount: bigint,
): Promise<string> {
  const token = platform.chain.feeTokens[0];
  if (token === undefined) throw new Error("this platform has no fee token");
  const { minter } = await operatorKeys(platformDir, 0);
  const provider = new JsonRpcProvider(platform.chain.rpcUrl, platform.chain.chainId, {
    staticNetwork: true,
  });
  try {
    const contract = new Contract(token.address, creditTokenAbi, new Wallet(minter, provider));
    const sent = await contract.getFunction("mint").send(to, amount, { gasPrice: 0n, type: 0 });
    await sent.wait();
    return sent.hash as string;
  } finally {
    provider.destroy();
  }
}
