import type { Command } from "commander";
import type { Act } from "../run-cli.ts";

export function addResultCommands(_program: Command, _act: Act): void {}
