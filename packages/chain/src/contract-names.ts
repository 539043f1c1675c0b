import type { InterfaceAbi } from "ethers";
import * as abi from "./abi/index.ts";

/** ABI and creation bytecode of each contract of a deployment, by its name in `ContractRegistry`. */
export const contractArtifacts = {
  Authority: { abi: abi.authorityAbi, bytecode: abi.authorityBytecode },
  IdentitySBT: { abi: abi.identitySbtAbi, bytecode: abi.identitySbtBytecode },
  DatasetRegistry: { abi: abi.datasetRegistryAbi, bytecode: abi.datasetRegistryBytecode },
  RegionOracle: { abi: abi.regionOracleAbi, bytecode: abi.regionOracleBytecode },
  UsageLog: { abi: abi.usageLogAbi, bytecode: abi.usageLogBytecode },
  AlgorithmRegistry: { abi: abi.algorithmRegistryAbi, bytecode: abi.algorithmRegistryBytecode },
  Settlement: { abi: abi.settlementAbi, bytecode: abi.settlementBytecode },
  AccessACL: { abi: abi.accessAclAbi, bytecode: abi.accessAclBytecode },
  CreditToken: { abi: abi.creditTokenAbi, bytecode: abi.creditTokenBytecode },
  JobPermits: { abi: abi.jobPermitsAbi, bytecode: abi.jobPermitsBytecode },
  ContractRegistry: { abi: abi.contractRegistryAbi, bytecode: abi.contractRegistryBytecode },
} as const satisfies Record<string, { abi: InterfaceAbi; bytecode: string }>;

export type ContractName = keyof typeof contractArtifacts;
export const contractNames = Object.keys(contractArtifacts) as ContractName[];
