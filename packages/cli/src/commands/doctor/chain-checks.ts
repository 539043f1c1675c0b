import { setTimeout as delay } from "node:timers/promises";
import {
  type CosClient,
  identityOf,
  isTlsRefusal,
  listAccounts,
  type Platform,
  tlsRefusalOf,
} from "@cos/client";
import { formatEther } from "ethers";
import type { Context } from "../../context.ts";
import { bad, type Check, fine, listed, warning } from "./check.ts";

const fetchAgain = "fetch the platform file again (npm run compose:up, or from whoever runs the platform)";
/** What access allows its mirror by default before it permits nothing more. */
const lagRefusedSeconds = 30;

/** The chain as this machine reaches it, and what the platform keeps there. */
export async function chainChecks(
  context: Context,
  client: CosClient,
  platform: Platform,
): Promise<readonly Check[]> {
  const { rpcUrl } = platform.chain;
  let head: { readonly number: number; readonly timestamp: number } | null;
  let chainId: number;
  try {
    [head, chainId] = await Promise.all([
      client.chain.provider.getBlock("latest"),
      (client.chain.provider.send("eth_chainId", []) as Promise<string>).then(Number),
    ]);
  } catch (cause) {
    return [unreached(rpcUrl, cause)];
  }
  if (chainId !== platform.chain.chainId) {
    const says = `${rpcUrl} is chain ${chainId}, and the platform lives on ${platform.chain.chainId}`;
    return [bad("chain", says, "name the right node in the platform file")];
  }
  const missing = await contractsWithoutCode(client, platform);
  const number = head?.number ?? 0;
  const checks = [chainCheck(rpcUrl, chainId, head), await mirrorCheck(client, number)];
  if (missing.length > 0) {
    const says = `no code at ${listed(missing)}: this chain is not the one that the platform was set up on`;
    return [...checks, bad("contracts", says, `if the chain was made anew, ${fetchAgain}`)];
  }
  return [
    ...checks,
    fine("contracts", `${Object.keys(platform.chain.contracts).length} with code`),
    await signerCheck(client, platform),
    await programCheck(client, platform),
    ...(await accountChecks(context, client)),
  ];
}

/** Why this machine does not reach the chain's node. */
export function unreached(rpcUrl: string, cause: unknown): Check {
  if (!isTlsRefusal(cause)) {
    const fix = "start the chain's node, or correct its URL in the platform file";
    return bad("chain", `${rpcUrl} does not answer`, fix);
  }
  return bad(
    "chain",
    `${rpcUrl} answers and is not believed (${tlsRefusalOf(cause)})`,
    "name the file of its authority in NODE_EXTRA_CA_CERTS, or correct the URL in the platform file",
  );
}

function chainCheck(
  rpcUrl: string,
  chainId: number,
  head: { number: number; timestamp: number } | null,
): Check {
  const says = `${rpcUrl}, id ${chainId}, block ${head?.number ?? 0}`;
  const aheadSeconds = (head?.timestamp ?? 0) - Date.now() / 1000;
  if (aheadSeconds < 60) return fine("chain", says);
  return warning(
    "chain",
    `${says}, whose time is ${aheadSeconds.toFixed(0)} s in the future`,
    "let NTP set this machine's clock; on a development chain whose time was moved, it is as it should be",
  );
}

async function contractsWithoutCode(client: CosClient, { chain }: Platform): Promise<string[]> {
  const entries = Object.entries(chain.contracts);
  const codes = await Promise.all(entries.map(([, address]) => client.chain.provider.getCode(address)));
  return entries.filter((_, i) => codes[i] === "0x").map(([name]) => name);
}

/** @param head height that this machine's node tells; access may need a moment to see it */
async function mirrorCheck(client: CosClient, head: number): Promise<Check> {
  const look = () => client.services.access.getMirrorStatus({});
  try {
    let status = await look();
    for (let tries = 0; tries < 6 && status.state === "following" && status.headNumber < head; tries++) {
      await delay(500);
      status = await look();
    }
    const behind = Number(status.headNumber) - Number(status.confirmedNumber);
    const says = `${status.state}, ${behind} blocks behind the head, final to ${status.finalizedNumber}`;
    switch (status.state) {
      case "halted":
        return bad(
          "mirror",
          `halted (${status.haltReason}): nothing is permitted`,
          "read why in `cos ops status`; when you know what happened to the chain: cos ops mirror resume",
        );
      case "disputed":
        return bad(
          "mirror",
          `disputed (${status.haltReason}): two nodes tell different chains, and nothing is permitted`,
          "find out which of the two nodes is wrong",
        );
      case "catching-up":
        return warning("mirror", says, "wait: permissions are given once it has caught up");
      default:
        if (status.headNumber >= head) return fine("mirror", says);
        return warning(
          "mirror",
          `access sees block ${status.headNumber}, this machine ${head}; after ${lagRefusedSeconds} s nothing is permitted`,
          "look at the node that access reads (COS_RPC_URL)",
        );
    }
  } catch {
    return bad("mirror", "access does not answer", "see the line of access");
  }
}

async function signerCheck(client: CosClient, { operator }: Platform): Promise<Check> {
  const [balance, block] = await Promise.all([
    client.chain.provider.getBalance(operator),
    client.chain.provider.getBlock("latest"),
  ]);
  const free = block?.baseFeePerGas === 0n;
  const says = `${operator} holds ${formatEther(balance)}${free ? "; gas is free here" : ""}`;
  if (free || balance > 0n) return fine("operator's signer", says);
  return warning("operator's signer", says, "send it funds: it pays the gas of results");
}

async function programCheck(client: CosClient, { programs }: Platform): Promise<Check> {
  const entries = Object.entries(programs);
  const states = await Promise.all(
    entries.map(([, id]) => client.chain.read<bigint>("AlgorithmRegistry", "stateOf", [id])),
  );
  const says = entries.map(([name], i) => `${name}${states[i] === 2n ? "" : " (not approved)"}`).join(", ");
  if (states.every((state) => state === 2n)) return fine("programs", says);
  return warning("programs", says, "the operator approves programs on chain");
}

async function accountChecks(context: Context, client: CosClient): Promise<Check[]> {
  const accounts = await listAccounts(context.home);
  return Promise.all(
    accounts.map(async ({ name, address }): Promise<Check> => {
      const sbtId = await identityOf(client, address);
      return sbtId === undefined
        ? warning(`account ${name}`, `${address} has no identity`, "get one with: cos keys identity")
        : fine(`account ${name}`, `${address}, identity ${sbtId}`);
    }),
  );
}
