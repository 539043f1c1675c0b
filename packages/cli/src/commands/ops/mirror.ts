import { MirrorOpsServiceService, OpsServiceService } from "@cos/proto/ops";
import type { Context } from "../../context.ts";
import type { CommandResult } from "../../output.ts";
import { wholeNumber } from "../parse.ts";
import { Operator, type OperatorOptions } from "./operator.ts";

/**
 * `cos ops mirror resume`: lets a halted mirror go on. Without `--reason` it repeats the reason that the service gives now,
 * which is for people who have just read it in `cos ops status`.
 */
export async function resumeMirror(
  context: Context,
  options: OperatorOptions & { reason?: string; dryRun?: boolean },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const haltReason = options.reason ?? (await presentReason(operator));
  const dryRun = options.dryRun === true;
  const went = await operator.call("access", MirrorOpsServiceService, (ops) =>
    ops.resumeMirror({ haltReason, dryRun }),
  );
  return described(went, dryRun, { haltReason });
}

/** `cos ops mirror rewind`: reads the chain again from a block. */
export async function rewindMirror(
  context: Context,
  options: OperatorOptions & { fromBlock: string; dryRun?: boolean },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const dryRun = options.dryRun === true;
  const fromBlock = BigInt(wholeNumber(options.fromBlock, "--from-block"));
  const went = await operator.call("access", MirrorOpsServiceService, (ops) =>
    ops.rewindMirror({ fromBlock, dryRun }),
  );
  return described(went, dryRun);
}

async function presentReason(operator: Operator): Promise<string> {
  const { facts } = await operator.call("access", OpsServiceService, (ops) => ops.getStatus({}));
  return facts.find(({ name }) => name === "mirror.halt_reason")?.value ?? "";
}

function described(
  { fromBlock, retracted }: { fromBlock: bigint; retracted: bigint },
  dryRun: boolean,
  more: object = {},
): CommandResult {
  const what = `${retracted} published logs retracted, read again from block ${fromBlock}`;
  return {
    data: { fromBlock: Number(fromBlock), retracted: Number(retracted), dryRun, ...more },
    text: [dryRun ? `dry run: ${what}` : what],
  };
}
