import { type DeadLetter, OpsServiceService } from "@cos/proto/ops";
import type { Context } from "../../context.ts";
import { type CommandResult, formatTime, table } from "../../output.ts";
import { wholeNumber } from "../parse.ts";
import { Operator, type OperatorOptions, type ServiceName, serviceName, serviceNames } from "./operator.ts";

type Found = DeadLetter & { readonly service: ServiceName };

/** `cos ops dead-letter list`: of one service, or of all. */
export async function listDeadLetters(
  context: Context,
  options: OperatorOptions & { service?: string; limit: string },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const limit = wholeNumber(options.limit, "--limit", 1, 1_000);
  const asked =
    options.service === undefined ? serviceNames.filter(operator.knows) : [serviceName(options.service)];
  const found: Found[] = [];
  for (const service of asked) {
    const { deadLetters } = await operator.call(service, OpsServiceService, (ops) =>
      ops.listDeadLetters({ limit }),
    );
    found.push(...deadLetters.map((letter) => ({ ...letter, service })));
  }
  const rows = found.map((each) => [
    each.service,
    `${each.id}`,
    each.consumer,
    each.topic,
    each.reason,
    formatTime(secondsOf(each)),
  ]);
  return {
    data: { deadLetters: found.map(toData) },
    text:
      rows.length === 0 ? ["none"] : table(["service", "id", "consumer", "topic", "reason", "since"], rows),
  };
}

/** `cos ops dead-letter show`: one, without its payload, which does not leave the store. */
export async function showDeadLetter(
  context: Context,
  id: string,
  options: OperatorOptions & { service: string },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const service = serviceName(options.service);
  const { deadLetter } = await operator.call(service, OpsServiceService, (ops) =>
    ops.getDeadLetter({ id: idOf(id) }),
  );
  return described(deadLetter, service, []);
}

/** `cos ops dead-letter retry`. */
export async function retryDeadLetter(
  context: Context,
  id: string,
  options: OperatorOptions & { service: string; dryRun?: boolean },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const service = serviceName(options.service);
  const dryRun = options.dryRun === true;
  const { deadLetter } = await operator.call(service, OpsServiceService, (ops) =>
    ops.retryDeadLetter({ id: idOf(id), dryRun }),
  );
  return described(deadLetter, service, [dryRun ? "dry run: it would be sent again" : "sent again"], {
    dryRun,
  });
}

const idOf = (text: string): bigint => BigInt(wholeNumber(text, "ID", 1));

function described(
  letter: DeadLetter | undefined,
  service: ServiceName,
  lines: readonly string[],
  more: object = {},
): CommandResult {
  if (!letter) throw new TypeError("the service answered without a letter");
  const data = toData({ ...letter, service });
  return {
    data: { deadLetter: data, ...more },
    text: [...Object.entries(data).map(([name, value]) => `${name.padEnd(12)} ${value}`), ...lines],
  };
}

const secondsOf = ({ createdAt }: DeadLetter): number => Math.floor((createdAt?.getTime() ?? 0) / 1000);

const toData = (letter: Found) => ({
  service: letter.service,
  id: Number(letter.id),
  consumer: letter.consumer,
  topic: letter.topic,
  key: letter.key,
  messageId: letter.messageId,
  reason: letter.reason,
  producer: letter.producer,
  since: formatTime(secondsOf(letter)),
  payloadBytes: Number(letter.payloadBytes),
});
