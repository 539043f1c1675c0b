import { CosFailure } from "@cos/client";
import { OpsServiceService } from "@cos/proto/ops";
import type { Context } from "../../context.ts";
import { Operator, serviceNames } from "../ops/operator.ts";
import { type Check, fine, warning } from "./check.ts";

/** Older than this, a message of an outbox is stuck rather than on its way. */
const stuckSeconds = 60;

/** Messages that wait or were put aside, where this home holds the operator's token; nothing elsewhere. */
export async function operatorChecks(context: Context): Promise<readonly Check[]> {
  let operator: Operator;
  try {
    operator = await Operator.of(context, {});
  } catch (cause) {
    if (cause instanceof CosFailure) return [];
    throw cause;
  }
  const states = await Promise.allSettled(
    serviceNames
      .filter(operator.knows)
      .map((service) => operator.call(service, OpsServiceService, (ops) => ops.getStatus({}))),
  );
  const seen = states.flatMap((state) => (state.status === "fulfilled" ? [state.value] : []));
  if (seen.length === 0) return [];
  const stuck = seen.filter(({ outboxOldestSeconds }) => outboxOldestSeconds > stuckSeconds);
  const aside = seen.filter(({ deadLetters }) => deadLetters > 0n);
  if (stuck.length + aside.length === 0) return [fine("messages", "none stuck, none put aside")];
  const says = [
    ...stuck.map(
      ({ service, outboxUnsent, outboxOldestSeconds }) =>
        `${outboxUnsent} of ${service} wait, the oldest for ${outboxOldestSeconds.toFixed(0)} s`,
    ),
    ...aside.map(({ service, deadLetters }) => `${service} put ${deadLetters} aside`),
  ];
  const fix =
    aside.length > 0
      ? "cos ops dead-letter list, then retry them"
      : "they go out once the broker takes them: see its line";
  return [warning("messages", says.join("; "), fix)];
}
