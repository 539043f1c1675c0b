/** `npm run compose:up`: brings the stack up, waits until it is healthy, and hands `cos --profile compose` its platform file. */
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Compose } from "./docker.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const file = join(process.env.COS_HOME || join(homedir(), ".cos"), "profiles", "compose.json");
const compose = new Compose(root);
await compose.run("up", "--build", "--detach", "--wait", ...process.argv.slice(2));
await mkdir(dirname(file), { recursive: true, mode: 0o700 });
await compose.read("cp", "prepare:/run/cos/client/platform.json", file);
console.log(`platform file ${file}\ntry: npm run cos -- --profile compose doctor`);
