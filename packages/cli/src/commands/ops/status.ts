import { CosFailure } from "@cos/client";
import { type GetStatusResponse, OpsServiceService } from "@cos/proto/ops";
import type { Context } from "../../context.ts";
import { type CommandResult, table } from "../../output.ts";
import { Operator, type OperatorOptions, type ServiceName, serviceNames } from "./operator.ts";

type Seen = { readonly service: ServiceName } & (
  | { readonly status: GetStatusResponse }
  | { readonly failure: string }
);

/** `cos ops status`: every service that keeps state, those that do not answer too. */
export async function status(context: Context, options: OperatorOptions): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const seen = await Promise.all(
    serviceNames.filter(operator.knows).map(async (service): Promise<Seen> => {
      try {
        return {
          service,
          status: await operator.call(service, OpsServiceService, (ops) => ops.getStatus({})),
        };
      } catch (cause) {
        if (!(cause instanceof CosFailure)) throw cause;
        return { service, failure: cause.code };
      }
    }),
  );
  return {
    data: { services: seen.map(toData) },
    text: [
      ...table(["service", "outbox", "oldest", "dead letters"], seen.map(toRow)),
      ...seen.flatMap((one) =>
        "status" in one
          ? one.status.facts
              .filter(({ value }) => value !== "")
              .map(({ name, value }) => `${one.service}: ${name} ${value}`)
          : [],
      ),
    ],
    ...(seen.some((one) => "failure" in one) ? { code: 5 } : {}),
  };
}

const toRow = (one: Seen): string[] =>
  "failure" in one
    ? [one.service, one.failure, "-", "-"]
    : [
        one.service,
        `${one.status.outboxUnsent}`,
        `${one.status.outboxOldestSeconds.toFixed(1)} s`,
        `${one.status.deadLetters}`,
      ];

const toData = (one: Seen) =>
  "failure" in one
    ? { service: one.service, failure: one.failure }
    : {
        service: one.service,
        outboxUnsent: Number(one.status.outboxUnsent),
        outboxOldestSeconds: one.status.outboxOldestSeconds,
        deadLetters: Number(one.status.deadLetters),
        facts: Object.fromEntries(one.status.facts.map(({ name, value }) => [name, value])),
      };
