import { type AuditEvent, CosFailure, readAudit } from "@cos/client";
import type { Command } from "commander";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { type CommandResult, formatTime, table } from "../output.ts";
import { chainNumber, hex32 } from "./parse.ts";

/** `cos audit`: everything the chain logged about a dataset, a grant or a permit. */
export function addAuditCommand(program: Command, act: Act): void {
  program
    .command("audit")
    .description("everything that was logged on chain about a dataset, a grant or a permit, in block order")
    .option("--dataset <id>", "a dataset")
    .option("--grant <id>", "a grant")
    .option("--permit <id>", "a permit, which is a job")
    .action(act(audit));
}

async function audit(
  context: Context,
  options: { dataset?: string; grant?: string; permit?: string },
): Promise<CommandResult> {
  if (Object.values(options).filter((value) => value !== undefined).length !== 1) {
    throw new CosFailure("usage", "BAD_ARGUMENT", "name one of --dataset, --grant, --permit");
  }
  const events: AuditEvent[] = await readAudit(await context.client(), {
    ...(options.dataset === undefined ? {} : { datasetId: chainNumber(options.dataset, "--dataset") }),
    ...(options.grant === undefined ? {} : { grantId: chainNumber(options.grant, "--grant") }),
    ...(options.permit === undefined ? {} : { permitId: hex32(options.permit, "--permit") }),
  });
  return {
    data: { events },
    text: table(
      ["BLOCK", "TIME", "CONTRACT", "EVENT", "TRANSACTION"],
      events.map((e) => [String(e.blockNumber), formatTime(e.blockTime), e.contract, e.event, e.transaction]),
    ),
  };
}
