import { type ContractAddresses, deployContracts, grantRoles, type RoleName, startAnvil } from "@cos/chain";
import { JsonRpcProvider, Wallet } from "ethers";
import { tempFolder } from "./temp-folder.ts";

/** A chain of this test's own with every contract deployed. Gas is free, so any fresh key may send. */
export type TestChain = {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly provider: JsonRpcProvider;
  readonly addresses: ContractAddresses;
  /** Holds the administrator's role. */
  readonly admin: Wallet;
  /** A fresh key, with the roles named. */
  newWallet(...roles: readonly RoleName[]): Promise<Wallet>;
  /** Mines empty blocks. */
  mine(blocks?: number): Promise<void>;
  /** Moves block time forward and mines one block. */
  passTime(seconds: number): Promise<void>;
  /** Replaces the newest `depth` blocks by empty ones; their transactions are gone. */
  reorganise(depth: number): Promise<void>;
  dispose(): Promise<void>;
};

/** @param options.heartbeat mine empty blocks until what happened is final, as the embedded platform does; default false */
export async function startTestChain(options: { readonly heartbeat?: boolean } = {}): Promise<TestChain> {
  const folder = await tempFolder("chain");
  const anvil = await startAnvil({ dataDir: folder.path });
  if (!options.heartbeat) anvil.release();
  const { rpcUrl, chainId } = anvil;
  const provider = new JsonRpcProvider(rpcUrl, chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
    pollingInterval: 50,
  });
  const admin = new Wallet(Wallet.createRandom().privateKey, provider);
  const addresses = await deployContracts(admin);
  const mine = async (blocks = 1): Promise<void> => {
    await provider.send("anvil_mine", [`0x${blocks.toString(16)}`]);
  };
  return {
    rpcUrl,
    chainId,
    provider,
    addresses,
    admin,
    mine,
    newWallet: async (...roles) => {
      const wallet = new Wallet(Wallet.createRandom().privateKey, provider);
      if (roles.length > 0)
        await grantRoles(
          admin,
          addresses,
          roles.map((role) => [role, wallet.address]),
        );
      return wallet;
    },
    passTime: async (seconds) => {
      await provider.send("evm_increaseTime", [seconds]);
      await mine();
    },
    reorganise: async (depth) => {
      await provider.send("anvil_reorg", [depth, []]);
    },
    dispose: async () => {
      provider.destroy();
      await anvil.stop();
      await folder.remove();
    },
  };
}
