import { setTimeout as delay } from "node:timers/promises";
import { CosFailure, type Platform } from "@cos/client";
import type { Command } from "commander";
import type { Act } from "../../act.ts";
import type { Context } from "../../context.ts";
import { readRunFile } from "../../daemon.ts";
import { exitCodes } from "../../exit-codes.ts";
import type { CommandResult } from "../../output.ts";
import { chainChecks } from "./chain-checks.ts";
import { bad, type Check, fine, type Level, listed } from "./check.ts";
import { certificatesHeld, judgeCertificates } from "./judge-certificates.ts";
import { judgeCalls, judgeClocks, judgeParts, judgeRegions, judgeServices } from "./judge-services.ts";
import { lookAtService, type SeenService, servicesOf } from "./look-at-service.ts";
import { machineChecks } from "./machine-checks.ts";
import { operatorChecks } from "./operator-checks.ts";

/** `cos doctor`: what there is, what is wrong with it, and what to do. */
export function addDoctorCommand(program: Command, act: Act): void {
  program
    .command("doctor")
    .description(
      "this machine, every service and what each of them needs, regions, clocks, certificates, chain",
    )
    .action(act(doctor));
}

async function doctor(context: Context): Promise<CommandResult> {
  const checks = [...(await machineChecks(context)), ...(await platformChecks(context))];
  const failed = checks.filter(({ level }) => level === "bad");
  if (failed.length > 0) context.out.note(`${failed.length} of ${checks.length} checks failed`);
  return {
    code: failed.length === 0 ? exitCodes.ok : exitCodes.unavailable,
    data: { healthy: failed.length === 0, checks },
    text: checks.flatMap(linesOf),
  };
}

const marks: Record<Level, string> = { ok: "ok  ", warn: "warn", bad: "BAD " };
const nameWidth = 22;

const linesOf = ({ name, level, says, fix }: Check): string[] => [
  `${marks[level]} ${name.padEnd(nameWidth)} ${says}`,
  ...(fix === undefined ? [] : [`${" ".repeat(marks.ok.length + nameWidth + 2)}-> ${fix}`]),
];

async function platformChecks(context: Context): Promise<readonly Check[]> {
  let platform: Platform;
  try {
    platform = await context.platform();
  } catch (cause) {
    if (!(cause instanceof CosFailure)) throw cause;
    return [bad("platform file", cause.message, cause.hint ?? "ask whoever runs the platform for it")];
  }
  const seen = await lookAtServices(platform);
  const now = Date.now() / 1000;
  const { held, unreadable } = await certificatesHeld(context, platform.tls, seen);
  return [
    fine("platform file", context.platformFile),
    await daemonCheck(context),
    outbound(platform),
    ...judgeServices(seen),
    ...judgeParts(seen),
    ...judgeCalls(seen),
    ...judgeRegions(seen, platform.region),
    ...judgeClocks(seen),
    ...judgeCertificates(held, now),
    ...unreadable,
    ...(await chainChecks(context, await context.client(), platform)),
    ...(await operatorChecks(context)),
  ];
}

/** What services tell may be some seconds old: bad news is asked for a second time. */
const secondLookMs = 4_000;

async function lookAtServices(platform: Platform): Promise<readonly SeenService[]> {
  const look = () => Promise.all(servicesOf(platform).map((service) => lookAtService(service, platform.tls)));
  const seen = await look();
  if (!seen.some(({ report }) => [...report.said.values()].includes(false))) return seen;
  await delay(secondLookMs);
  return look();
}

async function daemonCheck(context: Context): Promise<Check> {
  const { platformData } = context.home;
  const run = await readRunFile(platformData);
  return fine(
    "daemon",
    run === undefined
      ? "none of this home runs in the background"
      : `pid ${run.pid}, log ${platformData}/logs/platform.log`,
  );
}

/** Every host that clients of this platform call. */
function outbound({ services, chain }: Platform): Check {
  const hosts = [
    services.gateway,
    services.access,
    services.settlement,
    services.orchestrator ?? "",
    ...services.workers,
    new URL(chain.rpcUrl).host,
  ].map((endpoint) => endpoint.replace(/:\d+$/, ""));
  const outside = [...new Set(hosts)].filter(
    (host) => host !== "" && !/^(127\.|localhost$|\[?::1)/.test(host),
  );
  return fine(
    "outbound hosts",
    outside.length === 0 ? "none: everything is on this machine" : listed(outside),
  );
}
