import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type ContractAddresses,
  contractAt,
  contractNames,
  deployContracts,
  feeOverrides,
  grantRoles,
} from "@cos/chain";
import { type ObjectStore, objectKey } from "@cos/objects";
import { algorithmIdOf, builtInPrograms, type Program, programBytes } from "@cos/programs";
import { digestOfBytes, toRegionCode } from "@cos/protocol";
import { computeAddress, id, type JsonRpcProvider, type Signer, Wallet, ZeroAddress } from "ethers";
import type { OperatorKeys } from "./operator-keys.ts";

/** Seconds that a region attestation of the embedded platform is good: ten years. */
const attestationSeconds = 10 * 365 * 86_400;
const approved = 2n;

export type PreparedChain = {
  readonly addresses: ContractAddresses;
  /** Name -> algorithmId of the built-in programs. */
  readonly programs: Readonly<Record<string, string>>;
};

/**
 * Brings a chain to the state that the platform needs: contracts, roles, regions, programs. Each step looks first, so a
 * process that was killed half-way goes on where it stopped.
 */
export async function prepareChain(options: {
  readonly dataDir: string;
  readonly provider: JsonRpcProvider;
  readonly keys: OperatorKeys;
  /** Region of gateway and operator, who work in those of their workers too; empty for none. */
  readonly region: string;
  /** Region of each worker, where it is not the platform's. */
  readonly workerRegions?: readonly string[];
  readonly objects: ObjectStore;
}): Promise<PreparedChain> {
  const { dataDir, provider, keys, region, objects } = options;
  const signer = (key: string): Wallet => new Wallet(key, provider);
  const addresses = await deployment(dataDir, provider, signer(keys.admin));
  await giveRoles(provider, addresses, keys);
  const regions = [...new Set([region, ...(options.workerRegions ?? [])])];
  const subjects = [
    ...[keys.gateway, keys.settler].flatMap((key) => regions.map((each) => ({ key, region: each }))),
    ...keys.workers.map((key, i) => ({ key, region: options.workerRegions?.[i] ?? region })),
  ];
  await attestRegions(
    addresses,
    subjects.filter((subject) => subject.region !== ""),
    signer(keys.oracle),
  );
  const programs: Record<string, string> = {};
  for (const program of builtInPrograms) {
    programs[program.name] = algorithmIdOf(program);
    await putProgram(objects, program);
    await approveProgram(addresses, program, signer(keys.author), signer(keys.curator));
  }
  return { addresses, programs };
}

async function deployment(
  dataDir: string,
  provider: JsonRpcProvider,
  admin: Signer,
): Promise<ContractAddresses> {
  const file = join(dataDir, "deployment.json");
  const known = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as ContractAddresses,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") throw cause;
      return undefined;
    },
  );
  if (known !== undefined) {
    for (const name of contractNames) {
      if ((await provider.getCode(known[name])) === "0x") {
        throw new Error(`the chain lost contract ${name}; start again with: cos down --purge, then cos up`);
      }
    }
    return known;
  }
  const addresses = await deployContracts(admin);
  await writeFile(file, `${JSON.stringify(addresses, null, 2)}\n`, { mode: 0o600 });
  return addresses;
}

async function giveRoles(
  provider: JsonRpcProvider,
  addresses: ContractAddresses,
  keys: OperatorKeys,
): Promise<void> {
  const wanted = [
    ["SETTLER", computeAddress(keys.settler)],
    ["USAGE", computeAddress(keys.usage)],
    ["ORACLE", computeAddress(keys.oracle)],
    ["ARBITER", computeAddress(keys.arbiter)],
    ["PAUSER", computeAddress(keys.pauser)],
    ["CURATOR", computeAddress(keys.curator)],
    ["MINTER", computeAddress(keys.minter)],
    ...keys.workers.map((key) => ["WORKER", computeAddress(key)] as const),
  ] as const;
  const authority = contractAt("Authority", addresses, provider);
  const held = await Promise.all(
    wanted.map(([role, account]) => authority.getFunction("hasRole").staticCall(id(role), account)),
  );
  const missing = wanted.filter((_, i) => held[i] !== true);
  if (missing.length > 0) await grantRoles(new Wallet(keys.admin, provider), addresses, missing);
}

/** Attests where gateway, operator and workers stand. */
async function attestRegions(
  addresses: ContractAddresses,
  subjects: readonly { readonly key: string; readonly region: string }[],
  oracle: Signer,
): Promise<void> {
  const regions = contractAt("RegionOracle", addresses, oracle);
  const block = await oracle.provider?.getBlock("latest");
  const now = block?.timestamp ?? 0;
  const overrides = await feeOverrides(oracle);
  const pending = [];
  for (const { key, region } of subjects) {
    const subject = computeAddress(key);
    const code = toRegionCode(region);
    if (await regions.getFunction("isIn").staticCall(subject, code, now + 86_400)) continue;
    const sent = await regions.getFunction("attest").send(subject, code, now + attestationSeconds, overrides);
    pending.push(sent.wait());
  }
  await Promise.all(pending);
}

const programUri = (program: Program): string =>
  `cos-object:${digestOfBytes(programBytes(program)).slice(2)}`;

async function putProgram(objects: ObjectStore, program: Program): Promise<void> {
  const bytes = programBytes(program);
  const digest = digestOfBytes(bytes);
  const stored = await objects.put(objectKey(digest), bytes, { sizeBytes: bytes.length, digest });
  if (!stored.ok) throw new Error(`program ${program.name} cannot be stored: ${stored.error.code}`);
}

async function approveProgram(
  addresses: ContractAddresses,
  program: Program,
  author: Signer,
  curator: Signer,
): Promise<void> {
  const algorithmId = algorithmIdOf(program);
  const overrides = await feeOverrides(author);
  const registry = contractAt("AlgorithmRegistry", addresses, author);
  const state = (await registry.getFunction("stateOf").staticCall(algorithmId)) as bigint;
  if (state === 0n) {
    const sent = await registry
      .getFunction("register")
      .send(algorithmId, ZeroAddress, 0, programUri(program), overrides);
    await sent.wait();
  }
  if (state < approved) {
    const sent = await contractAt("AlgorithmRegistry", addresses, curator)
      .getFunction("setState")
      .send(algorithmId, approved, overrides);
    await sent.wait();
  }
}
