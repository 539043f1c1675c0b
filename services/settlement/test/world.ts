import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ContractName, contractAt, deployContracts, grantRoles, startAnvil } from "@cos/chain";
import { anyRegion } from "@cos/protocol";
import { AbiCoder, id, JsonRpcProvider, keccak256, Wallet, ZeroAddress, ZeroHash } from "ethers";

export type World = Awaited<ReturnType<typeof startWorld>>;
export type Person = "admin" | "owner" | "researcher" | "settler" | "usage";

export const purpose = id("research into tufts");
const program = id("a program");
const root = id("manifest");
const agreed = [false, false, id("agreement")] as const;
const termsHash = keccak256(AbiCoder.defaultAbiCoder().encode(["bool", "bool", "bytes32"], agreed));

/** Fee of a use: 1000, of it 400 to the operator, 100 to the author (the administrator), 500 to the owner; work fee 50. */
export const fee = { total: 1_000n, compute: 400n, author: 100n, data: 500n, work: 50n };

/** A chain of its own: dataset 1, grant 1 with the fee above, an approved program, and money for the researcher. */
export async function startWorld() {
  const dataDir = await mkdtemp(join(tmpdir(), "cos-settlement-"));
  const anvil = await startAnvil({ dataDir });
  anvil.release(); // no heartbeat: tests mine the blocks that they want
  const provider = new JsonRpcProvider(anvil.rpcUrl, anvil.chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
  });
  provider.pollingInterval = 20;
  const person = () => new Wallet(Wallet.createRandom().privateKey, provider);
  const people: Record<Person, Wallet> = {
    admin: person(),
    owner: person(),
    researcher: person(),
    settler: person(),
    usage: person(),
  };
  const addresses = await deployContracts(people.admin);
  await grantRoles(people.admin, addresses, [
    ["SETTLER", people.settler.address],
    ["USAGE", people.usage.address],
    ["CURATOR", people.admin.address],
    ["MINTER", people.admin.address],
  ]);

  const call = async (who: Person, contract: ContractName, method: string, ...args: unknown[]) => {
    const target = contractAt(contract, addresses, people[who]);
    const sent = await target.getFunction(method).send(...args, { gasPrice: 0n });
    const receipt = await sent.wait();
    if (receipt === null) throw new Error(`${method} has no receipt`);
    return receipt;
  };
  const view = (contract: ContractName, method: string, ...args: unknown[]) =>
    contractAt(contract, addresses, provider)
      .getFunction(method)
      .staticCall(...args);
  const blockTime = async () => (await provider.getBlock("latest"))?.timestamp ?? 0;

  await call("owner", "IdentitySBT", "mint", id("owner"));
  await call("researcher", "IdentitySBT", "mint", id("researcher"));
  await call("owner", "DatasetRegistry", "register", root, id("context"), [], "cos-object:00", ZeroHash);
  await call("researcher", "AccessACL", "request", 1, 9, purpose, termsHash, "");
  await call("admin", "AlgorithmRegistry", "register", program, ZeroAddress, 0, "");
  await call("admin", "AlgorithmRegistry", "setState", program, 2);
  const at = await blockTime();
  const clauses = {
    sbtId: 2,
    grantee: people.researcher.address,
    datasetId: 1,
    opMask: 9,
    allowedAlgorithms: [],
    purposeHash: purpose,
    notBefore: at - 10,
    expiry: at + 10_000_000,
    maxRuns: 1_000,
    maxTickets: 1_000,
    rateMax: 0,
    rateWindow: 0,
    regionCode: anyRegion,
    epsilonMicro: 0,
    deltaNano: 0,
    exactReleases: 1_000,
    outputPolicy: 1,
    termsHash,
    versionPolicy: 1,
    pinnedVersion: 0,
    graceSeconds: 600,
    auditEachUse: false,
    feeToken: addresses.CreditToken,
    feePerUse: fee.total,
    workFee: fee.work,
    computeBps: 4_000,
    authorBps: 1_000,
    autoAuthorise: true,
  };
  await call("owner", "AccessACL", "grant", 1, clauses, {
    allowReencrypt: agreed[0],
    allowMultiKey: agreed[1],
    documentHash: agreed[2],
  });
  await call("admin", "CreditToken", "mint", people.researcher.address, 1_000_000n);
  await call("researcher", "CreditToken", "approve", addresses.Settlement, 1_000_000n);
  const firstBlock = await provider.getBlockNumber();

  let nonce = 0;
  return {
    provider,
    rpcUrl: anvil.rpcUrl,
    chainId: BigInt(anvil.chainId),
    addresses,
    people,
    firstBlock,
    call,
    view,
    blockTime,
    mine: (blocks: number) => provider.send("anvil_mine", [`0x${blocks.toString(16)}`]),
    /** Replaces the last blocks with as many empty ones. */
    reorganise: (depth: number) => provider.send("anvil_reorg", [depth, []]),
    /** Moves the chain's clock on, with a block. */
    passTime: async (seconds: number) => {
      await provider.send("evm_increaseTime", [seconds]);
      await provider.send("evm_mine", []);
    },
    /** Grants everything of grant 1 anew as the next grant, each ticket use to be logged alone. */
    grantAudited: async () => {
      await call("researcher", "AccessACL", "request", 1, 9, purpose, termsHash, "");
      await call(
        "owner",
        "AccessACL",
        "grant",
        2,
        { ...clauses, auditEachUse: true },
        {
          allowReencrypt: agreed[0],
          allowMultiKey: agreed[1],
          documentHash: agreed[2],
        },
      );
    },
    issuePermit: async (change: Record<string, unknown> = {}): Promise<string> => {
      nonce++;
      const terms = {
        grantIds: [1],
        datasetIds: [1],
        datasetVersions: [1],
        datasetRoots: [root],
        algorithmId: program,
        purposeHash: purpose,
        paramsHash: id("parameters"),
        grantee: people.researcher.address,
        operator: people.settler.address,
        regionCode: anyRegion,
        expiry: (await blockTime()) + 3_600,
        challengeWindow: 0,
        releaseWindow: 3_600,
        feeToken: addresses.CreditToken,
        maxFee: fee.total,
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
