import type { Command } from "commander";
import type { Act } from "../act.ts";
import { addAccessCommands } from "./access.ts";
import { addAuditCommand } from "./audit.ts";
import { addDatasetCommands } from "./dataset.ts";
import { addDoctorCommand } from "./doctor/doctor.ts";
import { addJobCommands } from "./job.ts";
import { addKeysCommands } from "./keys.ts";
import { addLoginCommands } from "./login.ts";
import { addMoneyCommands } from "./money.ts";
import { addOpsCommands } from "./ops/ops.ts";
import { addPlatformCommands } from "./platform.ts";
import { addResultCommands } from "./result.ts";

/** Every command of `cos`. */
export function addCommands(program: Command, act: Act): void {
  addPlatformCommands(program, act);
  addKeysCommands(program, act);
  addLoginCommands(program, act);
  addDatasetCommands(program, act);
  addAccessCommands(program, act);
  addJobCommands(program, act);
  addResultCommands(program, act);
  addMoneyCommands(program, act);
  addAuditCommand(program, act);
  addDoctorCommand(program, act);
  addOpsCommands(program, act);
}
