import type { Context } from "./context.ts";
import type { CommandResult } from "./output.ts";

/** Binds an action to its command: the context first, then what commander parsed. */
export type Act = <A extends unknown[]>(
  action: (context: Context, ...parsed: A) => Promise<CommandResult>,
) => (...parsed: A) => Promise<void>;
