import { setTimeout as delay } from "node:timers/promises";
import type { ReleaseClass } from "@cos/programs";
import type { Digest } from "@cos/protocol";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import type { OpenedPermit } from "./open-permit.ts";
import { readPermit } from "./permit-on-chain.ts";

const classNumbers = { controlled: 1, "open-deposit": 2, "lead-loci": 3 } as const;

const finalityWaitMs = 60_000;

/** A release follows finality, and an accepted result; accepting is anyone's call once the challenge time is over. */
export async function awaitReleasable(
  client: CosClient,
  owner: Account,
  opened: OpenedPermit,
): Promise<void> {
  const until = Date.now() + finalityWaitMs;
  for (;;) {
    const permit = await readPermit(client, opened.verified.permit.permitId);
    if (permit.result?.commitment !== opened.verified.permit.result?.commitment) {
      throw new CosFailure(
        "integrity",
        "RESULT_CHANGED",
        "the chain holds another result now; open it again",
      );
    }
    if (permit.state !== "POSTED" && permit.state !== "ACCEPTED" && permit.state !== "RELEASED") {
      throw new CosFailure("refused", "WRONG_PERMIT_STATE", `the permit is ${permit.state.toLowerCase()}`, {
        facts: { state: permit.state },
        ...(permit.state === "LAPSED" ? { hint: "the time to release is over" } : {}),
      });
    }
    const now = await client.chain.now();
    if (permit.state === "POSTED" && now < permit.challengeEnds) {
      throw new CosFailure("refused", "STILL_CHALLENGEABLE", "the result can still be challenged", {
        facts: { challengeEnds: permit.challengeEnds },
        hint: "release after that",
      });
    }
    const final = await client.chain.provider.getBlock("finalized");
    const isFinal = (final?.number ?? 0) >= (permit.result?.blockNumber ?? Number.POSITIVE_INFINITY);
    if (isFinal && permit.state !== "POSTED") return;
    if (isFinal) await client.chain.send(owner, "JobPermits", "accept", [permit.permitId]).catch(onlyIfRaced);
    if (Date.now() > until) {
      throw new CosFailure("unavailable", "NOT_FINAL", "the result is not final on the chain yet", {
        hint: "try again later: releases follow finality",
      });
    }
    await delay(300);
  }
}

/** Settlement may have accepted in the same block. */
function onlyIfRaced(cause: unknown): void {
  if (cause instanceof CosFailure && cause.code === "WRONG_PERMIT_STATE") return;
  throw cause;
}

/** Logs the release, which pays the data share; a release that stands already is left alone. */
export async function logRelease(
  client: CosClient,
  owner: Account,
  opened: OpenedPermit,
  commitment: Digest,
  releaseClass: ReleaseClass,
): Promise<string> {
  const { permitId } = opened.verified.permit;
  const logged = await client.chain.findEvents("JobPermits", "JobReleased", [permitId, opened.datasetId]);
  const before = logged[0];
  if (before !== undefined) {
    if (before.args.releaseCommitment === commitment) return before.transaction;
    throw new CosFailure(
      "refused",
      "ALREADY_RELEASED",
      "this part was released before, with another commitment",
      {
        clause: 7,
        facts: { before: before.args.releaseCommitment },
      },
    );
  }
  const args = [permitId, opened.datasetId, commitment, classNumbers[releaseClass]];
  return (await client.chain.send(owner, "JobPermits", "release", args)).hash;
}
