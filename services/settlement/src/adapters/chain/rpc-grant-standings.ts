import { type ContractAddresses, contractAt } from "@cos/chain";
import { reasons } from "@cos/protocol";
import type { Provider } from "ethers";
import type { GrantStandings } from "../../app/ports.ts";

const allowed = BigInt(reasons.indexOf("Allowed"));

/** Asks `AccessACL.standingOf` for each grant. */
export function rpcGrantStandings(provider: Provider, addresses: ContractAddresses): GrantStandings {
  const acl = contractAt("AccessACL", addresses, provider);
  return async (grants) => {
    for (const { grantId, version } of grants) {
      const reason: bigint = await acl.getFunction("standingOf").staticCall(grantId, version);
      if (reason !== allowed) return false;
    }
    return true;
  };
}
