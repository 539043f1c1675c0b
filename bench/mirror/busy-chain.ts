import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ContractAddresses,
  type ContractName,
  deployContracts,
  interfaceOf,
  openRpcProvider,
  startAnvil,
} from "@cos/chain";
import { type ParamType, toBeHex, Wallet } from "ethers";

/** A chain on which the COS contracts have logged the lives of many jobs. */
export type BusyChain = {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly addresses: ContractAddresses;
  readonly firstBlock: number;
  readonly lastBlock: number;
  readonly blocks: number;
  readonly transactions: number;
  readonly logs: number;
  stop(): Promise<void>;
};

/**
 * Logs what its caller asks for: records of (number of topics, size of data, four topics, data). In place of the contracts
 * after their deployment it makes a hundred thousand of their logs in seconds. Compiled by solc from
 * `fallback() external { assembly { for { let at := 0 } lt(at, calldatasize()) {} { … logN(0, size, …) … at := … } } }`.
 */
const emitter =
  "0x6080604052348015600e575f5ffd5b505f5b36811015608f5760208101358060c083015f37813560018114605657600281146062576003811460735760a0830135608084013560608501356040860135855fa46086565b6040830135825fa16086565b60608301356040840135835fa26086565b608083013560608401356040850135845fa35b500160c0016011565b00";

const grants = 200;
const datasets = 50;
const permitsPerBlock = 50;

type Values = Readonly<Record<string, unknown>>;
/** One log: contract, event, and the values that matter; everything else is filled in by type. */
type Entry = readonly [contract: ContractName, event: string, values: Values];

/** @param permits jobs that live from fee lock to release: 11 logs each */
export async function startBusyChain(permits: number): Promise<BusyChain> {
  const dataDir = await mkdtemp(join(tmpdir(), "cos-bench-chain-"));
  const anvil = await startAnvil({ dataDir });
  anvil.release();
  const provider = openRpcProvider(anvil.rpcUrl, { chainId: anvil.chainId, timeoutMs: 60_000 });
  const admin = new Wallet(Wallet.createRandom().privateKey, provider);
  const addresses = await deployContracts(admin);
  for (const name of ["AccessACL", "DatasetRegistry", "JobPermits", "Settlement", "UsageLog"] as const)
    await provider.send("anvil_setCode", [addresses[name], emitter]);
  await provider.send("anvil_autoImpersonateAccount", [true]);
  await provider.send("evm_setAutomine", [false]);
  const firstBlock = (await provider.getBlockNumber()) + 1;
  let transactions = 0;
  let logs = 0;
  const mine = async (groups: readonly (readonly Entry[])[]): Promise<void> => {
    for (const group of groups) {
      const data = `0x${group.map(record).join("")}`;
      const to = addresses[group[0]?.[0] ?? "AccessACL"];
      await provider.send("eth_sendTransaction", [
        { from: admin.address, to, data, gas: "0xe00000", gasPrice: "0x0" },
      ]);
      transactions++;
      logs += group.length;
    }
    await provider.send("evm_mine", []);
  };

  await mine([setUp("DatasetRegistry", "DatasetRegistered", datasets, "datasetId")]);
  await mine([
    setUp("AccessACL", "Requested", grants, "grantId"),
    setUp("AccessACL", "Granted", grants, "grantId"),
  ]);
  for (let from = 0; from < permits; from += permitsPerBlock) {
    const some = Array.from({ length: Math.min(permitsPerBlock, permits - from) }, (_, at) => from + at);
    await mine(jobs(some));
  }
  const lastBlock = await provider.getBlockNumber();
  provider.destroy();
  return {
    rpcUrl: anvil.rpcUrl,
    chainId: anvil.chainId,
    addresses,
    firstBlock,
    lastBlock,
    blocks: lastBlock - firstBlock + 1,
    transactions,
    logs,
    stop: async () => {
      await anvil.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const setUp = (contract: ContractName, event: string, count: number, key: string): Entry[] =>
  Array.from({ length: count }, (_, at) => [
    contract,
    event,
    { datasetId: 1 + (at % datasets), [key]: at + 1 },
  ]);

/** Stands for a permit's id in a record that is encoded once and used for many permits. */
const anyPermit = `0x${"c05e".repeat(16)}`;

/** The logs of jobs, by transaction. */
function jobs(numbers: readonly number[]): Entry[][] {
  const about = numbers.map((number) => ({
    number,
    permitId: anyPermit,
    key: anyPermit,
    useId: anyPermit,
    grantId: 1 + (number % grants),
    grantIds: [1 + (number % grants)],
    datasetId: 1 + (number % datasets),
    datasetIds: [1 + (number % datasets)],
  }));
  const each = (contract: ContractName, ...events: string[]): Entry[] =>
    about.flatMap((values) => events.map((event) => [contract, event, values] as const));
  return [
    each("Settlement", "FeeLocked"),
    each("AccessACL", "RunReserved"),
    each("JobPermits", "JobPermitIssued", "JobAuthorised", "JobResult", "JobAccepted", "JobReleased"),
    each("AccessACL", "RunUsed"),
    each("Settlement", "Credited", "Credited"),
    each("UsageLog", "Used"),
  ];
}

const encoded = new Map<string, string>();

/** A log as the emitter reads it; encoding is most of the cost, so alike ones are encoded once. */
function record(entry: Entry): string {
  const [contract, event, { number, grantId, datasetId }] = entry;
  const kind = `${contract}.${event}.${grantId}.${datasetId}`;
  const template = encoded.get(kind) ?? encode(entry);
  encoded.set(kind, template);
  const permitId = toBeHex(0xc05_0000_0000 + Number(number ?? 0), 32);
  return template.replaceAll(anyPermit.slice(2), permitId.slice(2));
}

/** Hex without prefix. */
function encode([contract, name, values]: Entry): string {
  const event = interfaceOf(contract).getEvent(name);
  if (!event) throw new Error(`${contract} has no event ${name}`);
  const encoded = interfaceOf(contract).encodeEventLog(
    event,
    event.inputs.map((input) => sample(input, values)),
  );
  const data = encoded.data.slice(2);
  const words = [encoded.topics.length, data.length / 2].map((number) => toBeHex(number, 32).slice(2));
  const topics = Array.from({ length: 4 }, (_, at) => (encoded.topics[at] ?? "0x").slice(2).padEnd(64, "0"));
  return [...words, ...topics, data].join("");
}

function sample(type: ParamType, values: Values): unknown {
  if (type.name in values) return values[type.name];
  if (type.isArray()) return [sample(type.arrayChildren, {})];
  if (type.isTuple()) return type.components.map((component) => sample(component, values));
  if (type.baseType === "address") return `0x${"5a".repeat(20)}`;
  if (type.baseType === "bool") return true;
  if (type.baseType === "string") return `cos-object:${"5a".repeat(32)}`;
  if (type.baseType.startsWith("bytes")) return `0x${"5a".repeat(Number(type.baseType.slice(5) || 32))}`;
  return type.baseType === "uint8" ? 1 : 1_000;
}
