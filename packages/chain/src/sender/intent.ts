/**
 * An intent: one call that an operator owes the chain, under a business id, and what became of it. Pure: the settlement
 * service keeps intents in its store; `nextStep` says what to do, the functions below say what the row becomes.
 *
 * ```
 * pending -> signed -> sent -> mined -> confirmed -> final
 *    ^          \_______/  ^______|________|     (a reorganisation takes mined and confirmed back to sent)
 *    |_ replaced (somebody else's transaction took the nonce: sign again under another)
 * pending -> failed (refused by simulation); confirmed -> failed (reverted, and that is final)
 * pending -> failed (an operator cancelled it); mined -> failed (an operator's cancelling transaction took its nonce)
 * ```
 */
export type Intent = {
  readonly state: IntentState;
  /** Taken when it is signed; `unique(signer, nonce)` in the store is the fence between leaders. */
  readonly nonce?: number;
  /** Every transaction signed for this nonce, oldest first: any of them may be the one that is mined. */
  readonly transactions: readonly SignedTransaction[];
  /** Which of them is in a block. */
  readonly mined?: MinedIn;
  /** Unix seconds since when final blocks spend the nonce and no receipt says that it was one of these. */
  readonly spentSince?: number;
  readonly failure?: IntentFailure;
};

export type IntentState =
  | "pending"
  | "signed"
  | "sent"
  | "mined"
  | "confirmed"
  | "final"
  | "replaced"
  | "failed";

/** Signed bytes are stored before they are broadcast, so that another leader can only send the same ones. */
export type SignedTransaction = {
  /** 32 bytes, hex. */
  readonly hash: string;
  readonly raw: string;
  readonly fees: Fees;
  /** Unix seconds; 0 while no node has taken it. */
  readonly sentAt: number;
  /** The last time that a node would not take it. */
  readonly refused?: { readonly at: number; readonly reason: BroadcastRefusal };
  /** It does nothing but take the nonce, so that the call cannot be mined any more. */
  readonly cancels?: true;
};

/** Why a node would not take signed bytes. */
export type BroadcastRefusal =
  /** It offers too little: to replace the one under its nonce, or for this node at all. */
  | "UNDERPRICED"
  /** The key cannot pay for it. */
  | "INSUFFICIENT_FUNDS"
  | "OTHER";

/** Wei per gas. On a chain without a base fee both are 0. */
export type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };

export type MinedIn = {
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  /** False when it reverted: it then did nothing, in this block. */
  readonly succeeded: boolean;
};

export type IntentFailure =
  /** The node refused the call before a nonce was taken; `reason` names the contract's error. */
  | { readonly code: "SIMULATION_REVERTED"; readonly reason: string }
  /** The transaction was mined and reverted, and its block is final. */
  | { readonly code: "REVERTED"; readonly transactionHash: string }
  /** An operator gave it up; `transactionHash`, where it had a nonce, took that. */
  | { readonly code: "CANCELLED"; readonly transactionHash?: string };

export const newIntent: Intent = { state: "pending", transactions: [] };

/** What a node says about an intent, from one look. */
export type IntentView = {
  /** Unix seconds. */
  readonly now: number;
  readonly headNumber: number;
  readonly finalizedNumber: number;
  /** Transactions of the signer in final blocks: a nonce below it is spent for good. */
  readonly finalNonce: number;
  /** The receipt of one of the intent's transactions in the node's present chain. */
  readonly mined: MinedIn | undefined;
};

export type SenderPolicy = {
  /** Blocks on top before a transaction counts; 0 counts the head. */
  readonly confirmations: number;
  /** Hand the same bytes over again when they are not mined after this long. */
  readonly resendAfterS: number;
  /** Sign with higher fees when not mined after this long. */
  readonly bumpAfterS: number;
  /** Never offer more than this, wei per gas. */
  readonly maxFeePerGasCap: bigint;
};

export type IntentStep =
  /** Simulate; if it would succeed, take a nonce, sign, store, then broadcast. */
  | { readonly do: "sign" }
  /** Hand the newest signed bytes to a node. */
  | { readonly do: "broadcast"; readonly transaction: SignedTransaction }
  /** Sign once more for the same nonce, with these fees; store, then broadcast. */
  | { readonly do: "bump"; readonly fees: Fees }
  /** Store the intent as it is now. */
  | { readonly do: "save"; readonly intent: Intent }
  | { readonly do: "wait" };

/** What to do for an intent, given what a node says. Asking twice gives the same step. */
export function nextStep(intent: Intent, view: IntentView, policy: SenderPolicy): IntentStep {
  switch (intent.state) {
    case "final":
    case "failed":
      return { do: "wait" };
    case "pending":
    case "replaced":
      return { do: "sign" };
    case "signed":
    case "sent":
    case "mined":
    case "confirmed": {
      const seen = observe(intent, view, policy);
      if (seen !== intent) return { do: "save", intent: seen };
      return intent.state === "signed" || intent.state === "sent"
        ? push(intent, view, policy)
        : { do: "wait" };
    }
  }
}

/** The intent once it is signed under a nonce (or signed again with other fees). It is not sent yet. */
export function withSigned(
  intent: Intent,
  nonce: number,
  transaction: Omit<SignedTransaction, "sentAt">,
): Intent {
  const kept = intent.state === "pending" || intent.state === "replaced" ? [] : intent.transactions;
  return { state: "signed", nonce, transactions: [...kept, { ...transaction, sentAt: 0 }] };
}

/** The intent once a node has taken its newest bytes. */
export function withSent(intent: Intent, now: number): Intent {
  const transactions = intent.transactions.map((one, at) =>
    at === intent.transactions.length - 1 ? { ...one, sentAt: now } : one,
  );
  return { ...intent, state: "sent", transactions };
}

/** The intent that simulation refused; it has taken no nonce. */
export const withRefusal = (intent: Intent, reason: string): Intent => ({
  ...intent,
  state: "failed",
  failure: { code: "SIMULATION_REVERTED", reason },
});

/** The intent whose newest bytes a node would not take. */
export function withBroadcastRefused(intent: Intent, now: number, reason: BroadcastRefusal): Intent {
  const transactions = intent.transactions.map((one, at) =>
    at === intent.transactions.length - 1 ? { ...one, refused: { at: now, reason } } : one,
  );
  return { ...intent, transactions };
}

/** The intent that an operator gave up before it was signed. */
export const withCancellation = (intent: Intent): Intent => ({
  ...intent,
  state: "failed",
  failure: { code: "CANCELLED" },
});

/** What the chain makes of a signed intent; the same object when nothing changed. */
function observe(intent: Intent, view: IntentView, policy: SenderPolicy): Intent {
  const { mined } = view;
  if (mined) return settle(intent, mined, view, policy);
  if (intent.mined) {
    const { mined: _gone, ...rest } = intent;
    return { ...rest, state: "sent" };
  }
  return judgeSpentNonce(intent, view, policy);
}

/**
 * Gives the nonce up when another transaction took it for good. A node that is behind may lack our receipt while another,
 * behind the same address, counts the nonce as spent: that is believed only after it has stood for a while.
 */
function judgeSpentNonce(intent: Intent, { finalNonce, now }: IntentView, policy: SenderPolicy): Intent {
  const { spentSince, ...rest } = intent;
  if (finalNonce <= (intent.nonce ?? finalNonce)) return spentSince === undefined ? intent : rest;
  if (spentSince === undefined) return { ...intent, spentSince: now };
  if (now - spentSince < policy.resendAfterS) return intent;
  return { state: "replaced", transactions: intent.transactions };
}

function settle(intent: Intent, mined: MinedIn, view: IntentView, policy: SenderPolicy): Intent {
  // The nonce must be spent in final blocks too: receipt and final block may come from two nodes behind one address.
  const isFinal = view.finalizedNumber >= mined.blockNumber && view.finalNonce > (intent.nonce ?? 0);
  const { transactionHash } = mined;
  const cancels = intent.transactions.some((one) => one.hash === transactionHash && one.cancels === true);
  if (isFinal && (cancels || !mined.succeeded)) {
    const code = cancels ? "CANCELLED" : "REVERTED";
    return { ...intent, state: "failed", mined, failure: { code, transactionHash } };
  }
  const isDeep = view.headNumber - mined.blockNumber >= policy.confirmations;
  const isConfirmed = !cancels && (isFinal || isDeep);
  const state = isFinal ? "final" : isConfirmed ? "confirmed" : "mined";
  const same = intent.state === state && intent.mined?.blockHash === mined.blockHash;
  if (same) return intent;
  const { spentSince: _ours, ...rest } = intent;
  return { ...rest, state, mined };
}

/** Sends, sends again, or offers more. */
function push(intent: Intent, view: IntentView, policy: SenderPolicy): IntentStep {
  const newest = intent.transactions.at(-1);
  if (!newest) return { do: "sign" };
  if (newest.sentAt === 0) return pushUnsent(newest, view, policy);
  const waitedS = view.now - newest.sentAt;
  if (waitedS >= policy.bumpAfterS) {
    const fees = bumpFees(newest.fees, policy.maxFeePerGasCap);
    if (fees) return { do: "bump", fees };
  }
  return waitedS >= policy.resendAfterS ? { do: "broadcast", transaction: newest } : { do: "wait" };
}

/** Bytes that no node has taken: offers more if that was the reason, else tries again after a while. */
function pushUnsent(newest: SignedTransaction, view: IntentView, policy: SenderPolicy): IntentStep {
  const { refused } = newest;
  if (!refused) return { do: "broadcast", transaction: newest };
  if (refused.reason === "UNDERPRICED") {
    const fees = bumpFees(newest.fees, policy.maxFeePerGasCap);
    if (fees) return { do: "bump", fees };
  }
  return view.now - refused.at >= policy.resendAfterS
    ? { do: "broadcast", transaction: newest }
    : { do: "wait" };
}

/** Fees for a first offer: what the node asks for, never over the cap. */
export const capFees = ({ maxFeePerGas, maxPriorityFeePerGas }: Fees, cap: bigint): Fees => {
  const fee = least(maxFeePerGas, cap);
  return { maxFeePerGas: fee, maxPriorityFeePerGas: least(maxPriorityFeePerGas, fee) };
};

/** Both fees at least those of either. */
export const higherFees = (one: Fees, other: Fees): Fees => ({
  maxFeePerGas: most(one.maxFeePerGas, other.maxFeePerGas),
  maxPriorityFeePerGas: most(one.maxPriorityFeePerGas, other.maxPriorityFeePerGas),
});

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/**
 * Fees that a node accepts as a replacement: an eighth more, rounded up.
 * @returns undefined when the cap forbids it, and on a chain without fees, where a replacement is worth nothing
 * @source geth's and reth's `pricebump` of 10 %, with a margin
 */
export function bumpFees(fees: Fees, cap: bigint): Fees | undefined {
  if (fees.maxFeePerGas === 0n) return undefined;
  const more = (wei: bigint): bigint => wei + (wei + 7n) / 8n;
  const bumped = {
    maxFeePerGas: more(fees.maxFeePerGas),
    maxPriorityFeePerGas: more(fees.maxPriorityFeePerGas),
  };
  return bumped.maxFeePerGas <= cap ? bumped : undefined;
}
