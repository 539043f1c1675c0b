import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bumpFees,
  capFees,
  type Intent,
  type IntentView,
  type MinedIn,
  newIntent,
  nextStep,
  type SenderPolicy,
  withBroadcastRefused,
  withCancellation,
  withRefusal,
  withSent,
  withSigned,
} from "./intent.ts";

const policy: SenderPolicy = { confirmations: 2, resendAfterS: 10, bumpAfterS: 60, maxFeePerGasCap: 100n };
const fees = { maxFeePerGas: 80n, maxPriorityFeePerGas: 8n };
const signed = withSigned(newIntent, 7, { hash: "0xaa", raw: "0x02aa", fees });
const sent = withSent(signed, 1_000);
const inBlock = (blockNumber: number, over: Partial<MinedIn> = {}): MinedIn => ({
  transactionHash: "0xaa",
  blockNumber,
  blockHash: `0xb${blockNumber}`,
  succeeded: true,
  ...over,
});
const view = (over: Partial<IntentView> = {}): IntentView => ({
  now: 1_000,
  headNumber: 100,
  finalizedNumber: 90,
  finalNonce: 7,
  mined: undefined,
  ...over,
});
/** The intent after the view, where the step is to save it. */
const saved = (intent: Intent, seen: IntentView): Intent => {
  const step = nextStep(intent, seen, policy);
  if (step.do !== "save") throw new Error(`expected save, got ${step.do}`);
  return step.intent;
};

describe("before the chain has it", () => {
  it("signs what is pending, and takes a nonce only then", () => {
    expect(nextStep(newIntent, view(), policy)).toEqual({ do: "sign" });
    expect(newIntent.nonce).toBeUndefined();
    expect(signed).toMatchObject({ state: "signed", nonce: 7, transactions: [{ hash: "0xaa", sentAt: 0 }] });
  });

  it("broadcasts stored bytes after a crash between signing and sending", () => {
    expect(nextStep(signed, view(), policy)).toMatchObject({
      do: "broadcast",
      transaction: { raw: "0x02aa" },
    });
  });

  it("finds bytes mined that it does not know to have sent: the node took them and the answer was lost", () => {
    expect(saved(signed, view({ mined: inBlock(100) })).state).toBe("mined");
  });

  it("fails what simulation refuses, without a nonce", () => {
    const refused = withRefusal(newIntent, "JobPermits_Expired");
    expect(refused).toMatchObject({ state: "failed", failure: { code: "SIMULATION_REVERTED" } });
    expect(refused.nonce).toBeUndefined();
    expect(nextStep(refused, view(), policy)).toEqual({ do: "wait" });
  });
});

describe("while it waits for a block", () => {
  it("waits 9 s, sends the same bytes again at 10 s, offers more at 60 s", () => {
    expect(nextStep(sent, view({ now: 1_009 }), policy)).toEqual({ do: "wait" });
    expect(nextStep(sent, view({ now: 1_010 }), policy)).toMatchObject({ do: "broadcast" });
    expect(nextStep(sent, view({ now: 1_060 }), policy)).toEqual({
      do: "bump",
      fees: { maxFeePerGas: 90n, maxPriorityFeePerGas: 9n },
    });
  });

  it("stops at the cap: 80 -> 90 fits below 100, 90 -> 102 does not, so the same bytes go again", () => {
    const bumped = withSent(
      withSigned(sent, 7, { hash: "0xab", raw: "0x02ab", fees: bumpFees(fees, 100n)! }),
      1_060,
    );
    expect(bumped.transactions).toHaveLength(2);
    expect(nextStep(bumped, view({ now: 1_120 }), policy)).toMatchObject({
      do: "broadcast",
      transaction: { hash: "0xab" },
    });
  });

  it("takes the replaced transaction when that one is mined after all", () => {
    const bumped = withSent(withSigned(sent, 7, { hash: "0xab", raw: "0x02ab", fees }), 1_060);
    expect(saved(bumped, view({ mined: inBlock(100, { transactionHash: "0xaa" }) }))).toMatchObject({
      state: "mined",
      mined: { transactionHash: "0xaa" },
    });
  });

  it("signs anew only once somebody else's transaction with its nonce is final", () => {
    expect(nextStep(sent, view({ finalNonce: 7 }), policy)).toEqual({ do: "wait" });
    const spent = saved(sent, view({ finalNonce: 8 }));
    expect(spent).toMatchObject({ state: "sent", nonce: 7, spentSince: 1_000 });
    expect(nextStep(spent, view({ now: 1_009, finalNonce: 8 }), policy)).toEqual({ do: "wait" });
    const replaced = saved(spent, view({ now: 1_010, finalNonce: 8 }));
    expect(replaced.state).toBe("replaced");
    expect(replaced.nonce).toBeUndefined();
    expect(nextStep(replaced, view(), policy)).toEqual({ do: "sign" });
    expect(withSigned(replaced, 8, { hash: "0xac", raw: "0x02ac", fees }).transactions).toHaveLength(1);
  });
});

describe("once it is in a block", () => {
  const mined = saved(sent, view({ mined: inBlock(99) }));

  it("is mined with one block on top, confirmed with two, final when its block is", () => {
    expect(mined.state).toBe("mined");
    expect(nextStep(mined, view({ mined: inBlock(99) }), policy)).toEqual({ do: "wait" });
    const confirmed = saved(mined, view({ headNumber: 101, mined: inBlock(99) }));
    expect(confirmed.state).toBe("confirmed");
    const final = saved(
      confirmed,
      view({ headNumber: 120, finalizedNumber: 99, finalNonce: 8, mined: inBlock(99) }),
    );
    expect(final.state).toBe("final");
  });

  it("goes back to sent, and is sent again, when a reorganisation drops its block", () => {
    const dropped = saved(mined, view({ now: 1_020 }));
    expect(dropped).toMatchObject({ state: "sent", nonce: 7 });
    expect(dropped.mined).toBeUndefined();
    expect(nextStep(dropped, view({ now: 1_020 }), policy)).toMatchObject({ do: "broadcast" });
  });

  it("notes the new block when it was mined again elsewhere", () => {
    const again = saved(mined, view({ mined: inBlock(99, { blockHash: "0xother" }) }));
    expect(again.mined?.blockHash).toBe("0xother");
  });

  it("fails a revert when it is final and not before: a reorganisation may still order it otherwise", () => {
    const reverted = inBlock(99, { succeeded: false });
    const confirmed = saved(sent, view({ headNumber: 101, mined: reverted }));
    expect(confirmed.state).toBe("confirmed");
    expect(saved(confirmed, view({ finalizedNumber: 99, finalNonce: 8, mined: reverted }))).toMatchObject({
      state: "failed",
      failure: { code: "REVERTED", transactionHash: "0xaa" },
    });
  });
});

describe("nodes that disagree behind one address", () => {
  it("keeps its nonce when the receipt was only late, or the count was wrong", () => {
    const spent = saved(sent, view({ finalNonce: 8 }));
    const found = saved(spent, view({ now: 1_005, finalNonce: 8, mined: inBlock(99) }));
    expect(found).toMatchObject({ state: "mined", nonce: 7 });
    expect(found.spentSince).toBeUndefined();
    expect(saved(spent, view({ now: 1_005, finalNonce: 7 })).spentSince).toBeUndefined();
  });

  it("is not final while the nonce is unspent in the final blocks, whatever the receipt says", () => {
    const stray = view({ headNumber: 120, finalizedNumber: 99, finalNonce: 7, mined: inBlock(99) });
    expect(saved(sent, stray).state).toBe("confirmed");
    expect(saved(sent, { ...stray, finalNonce: 8 }).state).toBe("final");
  });
});

describe("bytes that a node refuses", () => {
  const refusedFor = (reason: "UNDERPRICED" | "OTHER") => withBroadcastRefused(signed, 1_000, reason);

  it("offers more when too little was offered, up to the cap, and then waits", () => {
    expect(nextStep(refusedFor("UNDERPRICED"), view(), policy)).toEqual({
      do: "bump",
      fees: { maxFeePerGas: 90n, maxPriorityFeePerGas: 9n },
    });
    const poor = { ...policy, maxFeePerGasCap: 89n };
    expect(nextStep(refusedFor("UNDERPRICED"), view({ now: 1_009 }), poor)).toEqual({ do: "wait" });
    expect(nextStep(refusedFor("UNDERPRICED"), view({ now: 1_010 }), poor)).toMatchObject({
      do: "broadcast",
    });
  });

  it("tries the same bytes again after a while when the reason was another", () => {
    expect(nextStep(refusedFor("OTHER"), view({ now: 1_009 }), policy)).toEqual({ do: "wait" });
    expect(nextStep(refusedFor("OTHER"), view({ now: 1_010 }), policy)).toMatchObject({ do: "broadcast" });
  });
});

describe("an operator who cancels", () => {
  const cancelling = withSent(
    withSigned(sent, 7, { hash: "0xcc", raw: "0x02cc", fees: bumpFees(fees, 100n)!, cancels: true }),
    1_060,
  );

  it("fails the intent once the cancelling transaction is final, and never tells of it as confirmed", () => {
    const mined = inBlock(90, { transactionHash: "0xcc" });
    const seen = saved(cancelling, view({ headNumber: 110, finalizedNumber: 80, mined }));
    expect(seen.state).toBe("mined");
    expect(saved(seen, view({ finalizedNumber: 90, finalNonce: 8, mined }))).toMatchObject({
      state: "failed",
      failure: { code: "CANCELLED", transactionHash: "0xcc" },
    });
  });

  it("has come too late when the call itself is mined", () => {
    const mined = inBlock(90, { transactionHash: "0xaa" });
    expect(saved(cancelling, view({ finalNonce: 8, mined })).state).toBe("final");
  });

  it("fails what was never signed at once", () => {
    expect(withCancellation(newIntent)).toMatchObject({ state: "failed", failure: { code: "CANCELLED" } });
  });
});

it("caps a first offer, tip included", () => {
  expect(capFees({ maxFeePerGas: 120n, maxPriorityFeePerGas: 110n }, 100n)).toEqual({
    maxFeePerGas: 100n,
    maxPriorityFeePerGas: 100n,
  });
  expect(capFees(fees, 100n)).toEqual(fees);
});

it("bumps by at least a tenth or not at all, never over the cap, and never from nothing", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 12n), fc.bigInt(0n, 10n ** 12n), (fee, cap) => {
      const bumped = bumpFees({ maxFeePerGas: fee, maxPriorityFeePerGas: fee / 2n }, cap);
      if (!bumped) return fee === 0n || fee + (fee + 7n) / 8n > cap;
      return bumped.maxFeePerGas * 10n >= fee * 11n && bumped.maxFeePerGas <= cap;
    }),
  );
});
