/** Exits 0 when the process at COS_HEALTH_ADDRESS says SERVING, for health checks of containers. */
import { readFile } from "node:fs/promises";
import { checkHealth } from "@cos/service-host/health";
import { publicTlsWire } from "@cos/service-host/wire";

const { COS_HEALTH_ADDRESS: address = "127.0.0.1:50051", COS_TLS_CA_FILE: caFile } = process.env;
const wire = caFile === undefined ? undefined : publicTlsWire(await readFile(caFile, "utf8"));
const health = await checkHealth(address, 5_000, wire);
if (health !== "SERVING") console.error(health.toLowerCase());
process.exitCode = health === "SERVING" ? 0 : 1;
