import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "@cos/service-host";
import { afterEach, expect, it } from "vitest";
import { partSettings, ServiceProcess, Unwinder } from "../src/index.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function processWith(url: string): Promise<ServiceProcess> {
  const folder = await mkdtemp(join(tmpdir(), "cos-node-url-"));
  ends.push(() => rm(folder, { recursive: true }));
  const file = join(folder, "rpc.url");
  await writeFile(file, url);
  const read = readConfig(partSettings, "COS_", {
    COS_RPC_URL_FILE: file,
    COS_LOG_FILE: join(folder, "log"),
  });
  if (!read.ok) throw new Error(read.error.faults.map(({ key }) => key).join(", "));
  const unwinder = new Unwinder();
  ends.push(() => unwinder.unwind());
  return ServiceProcess.open("access", read.value, unwinder);
}

it("asks the node whose URL lies in a file, a provider's key and all", async () => {
  const paths: (string | undefined)[] = [];
  const node = createServer((request, response) => {
    paths.push(request.url);
    let body = "";
    request.on("data", (piece) => {
      body += piece;
    });
    request.on("end", () => {
      const given = JSON.parse(body) as { id: number } | { id: number }[];
      const answer = ({ id }: { id: number }) => ({ jsonrpc: "2.0", id, result: "0x1f" });
      response.end(JSON.stringify(Array.isArray(given) ? given.map(answer) : answer(given)));
    });
  });
  await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
  ends.push(() => node.close());
  const { port } = node.address() as AddressInfo;
  const host = await processWith(`http://127.0.0.1:${port}/v3/a-providers-key\n`);
  expect(await (await host.provider()).getBlockNumber()).toBe(31);
  expect(new Set(paths)).toEqual(new Set(["/v3/a-providers-key"]));
});

it("names the setting, and not what the file holds, when that is no URL", async () => {
  const host = await processWith("a-providers-key");
  await expect(host.provider()).rejects.toThrow("the file of rpcUrl holds no URL");
});
