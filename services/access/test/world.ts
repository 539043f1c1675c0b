import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Anvil,
  type ContractAddresses,
  type ContractName,
  contractAt,
  deployContracts,
  startAnvil,
} from "@cos/chain";
import { anyRegion, asAlgorithmId } from "@cos/protocol";
import {
  AbiCoder,
  encodeBytes32String,
  id,
  JsonRpcProvider,
  keccak256,
  Wallet,
  ZeroAddress,
  ZeroHash,
} from "ethers";

/** A chain of its own with the contracts deployed, an owner, a researcher, an operator, and no blocks but those asked for. */
export type World = Awaited<ReturnType<typeof startWorld>>;

export const outputTerms = { allowReencrypt: false, allowMultiKey: false, documentHash: id("agreement") };
export const termsHash = keccak256(
  AbiCoder.defaultAbiCoder().encode(
    ["bool", "bool", "bytes32"],
    [outputTerms.allowReencrypt, outputTerms.allowMultiKey, outputTerms.documentHash],
  ),
);
export const purpose = id("research into tufts");
export const program = asAlgorithmId(id("a program"));
export const root = id("manifest");

export async function startWorld() {
  const dataDir = await mkdtemp(join(tmpdir(), "cos-world-"));
  const anvil: Anvil = await startAnvil({ dataDir });
  anvil.release(); // no heartbeat: tests mine the blocks that they want
  const provider = new JsonRpcProvider(anvil.rpcUrl, anvil.chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
  });
  provider.pollingInterval = 20;
  const admin = Wallet.createRandom().connect(provider);
  const addresses: ContractAddresses = await deployContracts(admin);
  const firstBlock = (await provider.getBlockNumber()) + 1;
  const people = {
    admin,
    owner: Wallet.createRandom().connect(provider),
    researcher: Wallet.createRandom().connect(provider),
    operator: Wallet.createRandom().connect(provider),
  };

  /** Sends a call and waits for its block. */
  const call = async (
    who: keyof typeof people,
    contract: ContractName,
    method: string,
    ...args: unknown[]
  ) => {
    const target = contractAt(contract, addresses, people[who]);
    const sent = await target.getFunction(method).send(...args, { gasPrice: 0n });
    const receipt = await sent.wait();
    if (receipt === null) throw new Error(`${method} has no receipt`);
    return receipt;
  };
  const now = async () => (await provider.getBlock("latest"))?.timestamp ?? 0;

  return {
    anvil,
    provider,
    addresses,
    people,
    firstBlock,
    call,
    now,
    mine: async (blocks = 1) => {
      for (let each = 0; each < blocks; each++) await provider.send("evm_mine", []);
    },
    /** Replaces the last blocks with as many empty ones. */
    reorganise: (depth: number) => provider.send("anvil_reorg", [depth, []]),

    /** Identities for owner and researcher, dataset 1 with one version. */
    publishDataset: async () => {
      await call("owner", "IdentitySBT", "mint", id("owner's did"));
      await call("researcher", "IdentitySBT", "mint", id("researcher's did"));
      await call(
        "owner",
        "DatasetRegistry",
        "register",
        root,
        id("context"),
        [encodeBytes32String("DUO:0000042")],
        "cos-object:00",
        ZeroHash,
      );
    },

    /** Request 1 and grant 1, for COMPUTE on dataset 1 without fees. */
    grantAccess: async (change: Record<string, unknown> = {}) => {
      await call("researcher", "AccessACL", "request", 1, 8, purpose, termsHash, "");
      const at = await now();
      const clauses = {
        sbtId: 2,
        grantee: people.researcher.address,
        datasetId: 1,
        opMask: 8,
        allowedAlgorithms: [],
        purposeHash: purpose,
        notBefore: at - 10,
        expiry: at + 10_000,
        maxRuns: 3,
        maxTickets: 0,
        rateMax: 0,
        rateWindow: 0,
        regionCode: anyRegion,
        epsilonMicro: 0,
        deltaNano: 0,
        exactReleases: 3,
        outputPolicy: 1,
        termsHash,
        versionPolicy: 1,
        pinnedVersion: 0,
        graceSeconds: 600,
        auditEachUse: false,
        feeToken: ZeroAddress,
        feePerUse: 0,
        workFee: 0,
        computeBps: 0,
        authorBps: 0,
        autoAuthorise: true,
        ...change,
      };
      await call("owner", "AccessACL", "grant", 1, clauses, outputTerms);
    },

    /** A program that permits may run, and an operator that may run it. */
    approveProgram: async () => {
      await call("admin", "Authority", "grantRole", id("SETTLER"), people.operator.address);
      await call("admin", "Authority", "grantRole", id("CURATOR"), people.admin.address);
      await call("admin", "AlgorithmRegistry", "register", program, ZeroAddress, 0, "cos-object:01");
      await call("admin", "AlgorithmRegistry", "setState", program, 2);
    },

    /** A permit of the researcher under grant 1. Returns its id. */
    issuePermit: async (change: Record<string, unknown> = {}, nonce = 1): Promise<string> => {
      const terms = {
        grantIds: [1],
        datasetIds: [1],
        datasetVersions: [1],
        datasetRoots: [root],
        algorithmId: program,
        purposeHash: purpose,
        paramsHash: id("parameters"),
        grantee: people.researcher.address,
        operator: people.operator.address,
        regionCode: anyRegion,
        expiry: (await now()) + 3_600,
        challengeWindow: 0,
        releaseWindow: 3_600,
        feeToken: ZeroAddress,
        maxFee: 0,
        epsilonMicro: 0,
        deltaNano: 0,
        exactReleases: 1,
        replicas: 0,
        ...change,
      };
      const permits = contractAt("JobPermits", addresses, people.researcher);
      const permitId: string = await permits.getFunction("issueJobPermit").staticCall(terms, nonce, 0, []);
      await call("researcher", "JobPermits", "issueJobPermit", terms, nonce, 0, []);
      return permitId;
    },

    stop: async () => {
      provider.destroy();
      await anvil.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
