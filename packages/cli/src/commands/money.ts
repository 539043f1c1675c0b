import { CosFailure, readStatement, withdrawBalance } from "@cos/client";
import type { Command } from "commander";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { type CommandResult, formatTime, shortHex, table } from "../output.ts";

/** `cos statement`, `cos payout`: what an account earned, and taking it out. */
export function addMoneyCommands(program: Command, act: Act): void {
  program
    .command("statement")
    .description("what the account paid, earned and was refunded")
    .action(act(statement));
  program
    .command("payout")
    .description("withdraw what the settlement contract owes the account")
    .option("--token <address>", "the token (default: the platform's first)")
    .option("--to <address>", "who receives it (default: the account)")
    .action(act(payout));
}

async function statement(context: Context): Promise<CommandResult> {
  const { address } = await context.account();
  const { lines, balances } = await readStatement(await context.client(), address);
  return {
    data: { address, lines, balances },
    text: [
      ...table(
        ["TIME", "WHAT", "AMOUNT", "PERMIT", "TRANSACTION"],
        lines.map((l) => [formatTime(l.blockTime), l.kind, l.amount, shortHex(l.permitId), l.transaction]),
      ),
      ...balances.map(({ token, amount }) => `may be withdrawn: ${amount} of ${token}`),
    ],
  };
}

async function payout(context: Context, options: { token?: string; to?: string }): Promise<CommandResult> {
  const client = await context.client();
  const token = options.token ?? client.platform.chain.feeTokens[0]?.address;
  if (token === undefined) {
    throw new CosFailure("usage", "NO_FEE_TOKEN", "this platform has no fee token: everything is free");
  }
  const done = await withdrawBalance(client, await context.account(), token, options.to);
  return {
    data: done,
    text: [`withdrawn   ${done.amount} to ${done.to}`, `transaction ${done.transaction}`],
  };
}
