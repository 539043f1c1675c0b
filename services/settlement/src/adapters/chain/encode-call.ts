import { type ContractAddresses, type ContractCall, interfaceOf } from "@cos/chain";
import type { NextTransaction, PermitId } from "@cos/protocol";
import { encodeBytes32String } from "ethers";
import { type OperatorCall, toDetail } from "../../domain/operator-call.ts";

/** A call as the contract takes it. */
export function encodeCall(call: OperatorCall, addresses: ContractAddresses): ContractCall {
  const contract = interfaceOf(call.contract);
  const [method, args] =
    call.contract === "JobPermits" ? permitCall(call.permitId, call.transaction) : usageCall(call);
  return { to: addresses[call.contract], data: contract.encodeFunctionData(method, args) };
}

function permitCall(permitId: PermitId, transaction: NextTransaction): [method: string, args: unknown[]] {
  switch (transaction.call) {
    case "postResult":
      return ["postResult", [permitId, transaction.commitment, transaction.uri]];
    case "fail":
      return ["fail", [permitId, encodeBytes32String(toDetail(transaction.detail))]];
    default:
      return [transaction.call, [permitId]];
  }
}

function usageCall(call: Extract<OperatorCall, { contract: "UsageLog" }>): [method: string, args: unknown[]] {
  if ("record" in call) return ["record", [call.record]];
  const { root, count, from, to, uri } = call.batch;
  return ["recordBatch", [root, count, from, to, uri]];
}
