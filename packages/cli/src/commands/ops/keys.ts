import { KeyOpsServiceService, type TokenKey } from "@cos/proto/ops";
import type { Context } from "../../context.ts";
import { type CommandResult, formatTime, table } from "../../output.ts";
import { Operator, type OperatorOptions } from "./operator.ts";

/** `cos ops keys list`: the keys that sign sessions and tickets. */
export async function listKeys(context: Context, options: OperatorOptions): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const { keys } = await operator.call("gateway", KeyOpsServiceService, (ops) => ops.listKeys({}));
  return { data: { keys: keys.map(toData) }, text: toTable(keys) };
}

/** `cos ops keys rotate`. */
export async function rotateKeys(
  context: Context,
  options: OperatorOptions & { dryRun?: boolean; compromised?: boolean },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const wish = { dryRun: options.dryRun === true, compromised: options.compromised === true };
  const { keys } = await operator.call("gateway", KeyOpsServiceService, (ops) => ops.rotateKeys(wish));
  const lines = toTable(keys);
  return {
    data: { keys: keys.map(toData), ...wish },
    text: wish.dryRun ? ["dry run: the keys would be", ...lines] : lines,
  };
}

const toTable = (keys: readonly TokenKey[]): string[] =>
  table(
    ["key", "state", "signs from", "dropped at"],
    keys
      .map(toData)
      .map(({ kid, state, signsFrom, endsAt }) => [kid ?? "(new)", state, signsFrom, endsAt ?? "-"]),
  );

const toData = ({ kid, state, signsFrom, endsAt }: TokenKey) => ({
  kid: kid === "" ? null : kid,
  state,
  signsFrom: formatTime(secondsOf(signsFrom)),
  endsAt: endsAt === undefined ? null : formatTime(secondsOf(endsAt)),
});

const secondsOf = (time: Date | undefined): number => Math.floor((time?.getTime() ?? 0) / 1000);
