import { expect, it } from "vitest";
import { cliCommands, faultOfCommand } from "./cli-commands.ts";

const program = cliCommands();
const fault = (line: string) => faultOfCommand(program, line);

it("knows the commands that there are, with options of their own and of all", () => {
  expect(fault("cos ops status --json")).toBeUndefined();
  expect(fault("cos --profile compose ops mirror rewind --from-block 12 --dry-run")).toBeUndefined();
  expect(fault('cos ops mirror resume --reason "as I read it"')).toBeUndefined();
});

it("refuses commands, options and arguments that there are not, and what lacks one", () => {
  expect(fault("cos ops nonsense")).toBe("nonsense is no command of ops");
  expect(fault("cos ops")).toBe("nothing is no command of ops");
  expect(fault("cos ops status --faster")).toBe("status has no option --faster");
  expect(fault("cos ops mirror rewind")).toBe("rewind needs --from-block");
  expect(fault("cos ops sender bump")).toBe("bump takes 1 arguments, not 0");
  expect(fault("cos ops sender bump A B")).toBe("bump takes 1 arguments, not 2");
});
