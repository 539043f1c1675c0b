import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { platform as osPlatform } from "node:os";
import { dirname } from "node:path";
import { listAccounts } from "@cos/client";
import type { Context } from "../../context.ts";
import { type Check, fine, warning } from "./check.ts";

/** Free space below which a warning is due: a small cohort's ciphertexts. */
const lowDiskBytes = 2 * 2 ** 30;

/** What there is on this machine, whatever platform is meant. */
export async function machineChecks(context: Context): Promise<readonly Check[]> {
  return [
    fine("node", `${process.version} on ${osPlatform()}-${process.arch}`),
    await checkHome(context),
    await checkDisk(context),
    checkProxy(context),
  ];
}

async function checkHome(context: Context): Promise<Check> {
  const { dir } = context.home;
  const accounts = await listAccounts(context.home);
  const writable = await access(dir, constants.W_OK).then(
    () => true,
    () => false,
  );
  const says = `${dir}, ${accounts.length} account(s)`;
  return writable
    ? fine("home", says)
    : warning("home", `${says}, not writable or not there yet`, "make it with: cos keys new --name NAME");
}

async function checkDisk(context: Context): Promise<Check> {
  const where = await statfs(context.home.dir).catch(() =>
    statfs(dirname(context.home.dir)).catch(() => statfs("/")),
  );
  const free = where.bavail * where.bsize;
  const says = `${(free / 2 ** 30).toFixed(1)} GiB free`;
  if (free >= lowDiskBytes) return fine("disk", says);
  return warning("disk", says, "make room: encrypting a small cohort writes 2 GiB");
}

const proxyNames = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GRPC_PROXY"];

/** Names of proxy settings only: a proxy's address may hold a password. */
function checkProxy({ io }: Context): Check {
  const set = proxyNames.filter((name) => io.env[name] ?? io.env[name.toLowerCase()]);
  return fine(
    "proxy",
    set.length === 0 ? "none set" : `${set.join(", ")} set; COS itself calls loopback only by default`,
  );
}
