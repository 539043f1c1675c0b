import type { Command } from "commander";
import type { Act } from "../../act.ts";
import { listDeadLetters, retryDeadLetter, showDeadLetter } from "./dead-letter.ts";
import { drainWorker } from "./drain.ts";
import { listKeys, rotateKeys } from "./keys.ts";
import { resumeMirror, rewindMirror } from "./mirror.ts";
import { operatorOptions } from "./operator.ts";
import { changeIntent, listIntents } from "./sender.ts";
import { status } from "./status.ts";

const dryRun = ["--dry-run", "only say what would happen"] as const;
const service = ["--service <name>", "access, orchestrator, gateway or settlement"] as const;

/** `cos ops …`: what operators see and may do, with the deployment's service token. */
export function addOpsCommands(program: Command, act: Act): void {
  const ops = program.command("ops").description("operators: look into the services, and act on them");
  const under = (parent: Command, name: string, about: string): Command =>
    operatorOptions(parent.command(name).description(about));

  under(ops, "status", "every service: messages waiting and put aside, the mirror, transactions").action(
    act(status),
  );

  const letters = ops.command("dead-letter").description("messages that a consumer put aside");
  under(letters, "list", "those that nobody has retried, oldest first")
    .option(...service)
    .option("--limit <n>", "of each service at most", "100")
    .action(act(listDeadLetters));
  under(letters, "show <id>", "one of them; its payload stays in the store")
    .requiredOption(...service)
    .action(act(showDeadLetter));
  under(letters, "retry <id>", "send one again, to the consumer that put it aside")
    .requiredOption(...service)
    .option(...dryRun)
    .action(act(retryDeadLetter));

  const mirror = ops.command("mirror").description("the mirrored chain");
  under(mirror, "resume", "let a halted mirror go on: retract what the chain no longer holds")
    .option("--reason <text>", "the halt reason that you read (default: the present one)")
    .option(...dryRun)
    .action(act(resumeMirror));
  under(mirror, "rewind", "retract what was published from a block on, and read it again")
    .requiredOption("--from-block <height>", "first block to read again")
    .option(...dryRun)
    .action(act(rewindMirror));

  under(ops, "drain <worker>", "a worker takes no further task; by host:port, its number or its address")
    .option("--wait <seconds>", "until its running tasks have ended, so long at most")
    .option(...dryRun)
    .action(act(drainWorker));

  const keys = ops.command("keys").description("the keys that sign sessions and tickets");
  under(keys, "list", "what each of them is for").action(act(listKeys));
  under(keys, "rotate", "publish a new key, which signs once everybody had time to fetch it")
    .option("--compromised", "the present keys are in wrong hands: drop them, and all sessions, at once")
    .option(...dryRun)
    .action(act(rotateKeys));

  const sender = ops.command("sender").description("the operator's own transactions");
  under(sender, "pending", "those that are neither final nor failed")
    .option("--state <state>", "open, all, or one state", "open")
    .action(act(listIntents));
  under(sender, "bump <id>", "sign a stuck one again with higher fees")
    .option(...dryRun)
    .action(act(changeIntent("bumpIntent")));
  under(sender, "cancel <id>", "give one up; the duty behind it comes back after a while")
    .option(...dryRun)
    .action(act(changeIntent("cancelIntent")));
}
