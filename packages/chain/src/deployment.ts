import type { Address } from "@cos/protocol";
import { asAddress } from "@cos/protocol";
import {
  type BaseContract,
  Contract,
  ContractFactory,
  encodeBytes32String,
  id,
  type Signer,
  ZeroAddress,
} from "ethers";
import { type ContractName, contractArtifacts, contractNames } from "./contract-names.ts";
import { feeOverrides } from "./fee-overrides.ts";

/** Where each contract of one deployment lies. */
export type ContractAddresses = Readonly<Record<ContractName, Address>>;

export interface DeploymentOptions {
  /** Seconds that a change of administrator waits. */
  readonly adminDelaySeconds?: number;
  /** Seconds that guardians' recovery of an identity waits for a veto. */
  readonly recoveryDelaySeconds?: number;
  /** Seconds an arbiter has before a challenge refunds. */
  readonly rulingWindowSeconds?: number;
}

/**
 * Deploys every contract in the order of contracts/README.md and wires the roles that contracts hold. The signer becomes
 * the administrator. Cost: 11 deployments and 14 calls, sent in one go with consecutive nonces.
 */
export async function deployContracts(
  admin: Signer,
  {
    adminDelaySeconds = 0,
    recoveryDelaySeconds = 86_400,
    rulingWindowSeconds = 604_800,
  }: DeploymentOptions = {},
): Promise<ContractAddresses> {
  const overrides = await feeOverrides(admin);
  let nonce = await admin.getNonce();
  const pending: Promise<unknown>[] = [];
  const create = async (name: ContractName, ...args: unknown[]): Promise<BaseContract> => {
    const { abi, bytecode } = contractArtifacts[name];
    const factory = new ContractFactory(abi, bytecode, admin);
    const contract = await factory.deploy(...args, { ...overrides, nonce: nonce++ });
    pending.push(contract.waitForDeployment());
    return contract;
  };
  const call = async (contract: BaseContract, method: string, ...args: unknown[]) => {
    const sent = await contract.getFunction(method).send(...args, { ...overrides, nonce: nonce++ });
    pending.push(sent.wait());
  };

  const authority = await create("Authority", adminDelaySeconds, await admin.getAddress());
  const identity = await create("IdentitySBT", recoveryDelaySeconds);
  const datasets = await create("DatasetRegistry", identity);
  const regions = await create("RegionOracle", authority);
  const usageLog = await create("UsageLog", authority);
  const algorithms = await create("AlgorithmRegistry", authority);
  const settlement = await create("Settlement", authority);
  const acl = await create("AccessACL", authority, identity, datasets, regions);
  const credits = await create("CreditToken", authority);
  const permits = await create("JobPermits", [
    authority,
    acl,
    datasets,
    algorithms,
    settlement,
    usageLog,
    regions,
    ZeroAddress,
    0,
    rulingWindowSeconds,
  ]);
  const registry = await create("ContractRegistry", authority);

  await call(authority, "grantRole", roleId("PERMITS"), permits);
  await call(authority, "grantRole", roleId("USAGE"), permits);
  await call(settlement, "setTokenAllowed", credits, true);
  const contracts: Record<ContractName, BaseContract> = {
    Authority: authority,
    IdentitySBT: identity,
    DatasetRegistry: datasets,
    RegionOracle: regions,
    UsageLog: usageLog,
    AlgorithmRegistry: algorithms,
    Settlement: settlement,
    AccessACL: acl,
    CreditToken: credits,
    JobPermits: permits,
    ContractRegistry: registry,
  };
  for (const name of contractNames) {
    if (name !== "ContractRegistry")
      await call(registry, "publish", encodeBytes32String(name), contracts[name]);
  }
  await Promise.all(pending);
  const entries = contractNames.map(
    async (name) => [name, asAddress(await contracts[name].getAddress())] as const,
  );
  return Object.fromEntries(await Promise.all(entries)) as ContractAddresses;
}

/** Role names of `Authority`, such as `SETTLER`; the contract knows them by `keccak256(name)`. */
export type RoleName =
  | "PERMITS"
  | "USAGE"
  | "SETTLER"
  | "ORACLE"
  | "ARBITER"
  | "PAUSER"
  | "CURATOR"
  | "WORKER"
  | "MINTER";
export const roleId = (name: RoleName): string => id(name);

/** Gives people and services their roles; the signer is the administrator. Repeating a grant changes nothing. */
export async function grantRoles(
  admin: Signer,
  addresses: ContractAddresses,
  grants: readonly (readonly [role: RoleName, account: string])[],
): Promise<void> {
  const overrides = await feeOverrides(admin);
  const authority = contractAt("Authority", addresses, admin);
  let nonce = await admin.getNonce();
  const sent = [];
  for (const [role, account] of grants) {
    sent.push(
      await authority.getFunction("grantRole").send(roleId(role), account, { ...overrides, nonce: nonce++ }),
    );
  }
  await Promise.all(sent.map((transaction) => transaction.wait()));
}

/** A contract of the deployment, read or called through `runner` (a provider or a signer). */
export const contractAt = (
  name: ContractName,
  addresses: ContractAddresses,
  runner: ConstructorParameters<typeof Contract>[2],
): Contract => new Contract(addresses[name], contractArtifacts[name].abi, runner);
