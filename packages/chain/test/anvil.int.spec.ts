import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JsonRpcProvider, Wallet, ZeroHash } from "ethers";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  type Anvil,
  contractAt,
  contractNames,
  decodeRevert,
  deployContracts,
  grantRoles,
  logDecoder,
  startAnvil,
} from "../src/index.ts";

let dataDir: string;
let anvil: Anvil;
const connect = () =>
  new JsonRpcProvider(anvil.rpcUrl, anvil.chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
    pollingInterval: 50,
  });

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "cos-anvil-"));
  anvil = await startAnvil({ dataDir });
});
afterEach(async () => {
  await anvil.stop();
  await rm(dataDir, { recursive: true });
});

it("deploys and wires every contract with a key that holds no coin, and decodes its logs and reverts", async () => {
  const provider = connect();
  const admin = Wallet.createRandom().connect(provider);
  const addresses = await deployContracts(admin);
  for (const name of contractNames)
    expect((await provider.getCode(addresses[name])).length).toBeGreaterThan(100);
  const oracle = Wallet.createRandom().connect(provider);
  await grantRoles(admin, addresses, [["ORACLE", oracle.address]]);
  const regions = contractAt("RegionOracle", addresses, oracle);
  const sent = await regions
    .getFunction("attest")
    .send(admin.address, `0x65${"00".repeat(31)}`, 9_999_999_999, { gasPrice: 0 });
  const receipt = await sent.wait();
  const decoded = receipt?.logs.map(logDecoder(addresses))[0];
  expect(decoded).toMatchObject({ contract: "RegionOracle", event: { name: "RegionAttested" } });

  const datasets = contractAt("DatasetRegistry", addresses, oracle);
  const refused = await datasets
    .getFunction("register")
    .staticCall(`0x${"11".repeat(32)}`, `0x${"22".repeat(32)}`, [], "cos-object:x", ZeroHash)
    .catch((error) => error);
  expect(decodeRevert(refused)).toMatchObject({ name: "DatasetRegistry_NoIdentity" });
  provider.destroy();
}, 180_000);

it("finalises what happened and then rests", async () => {
  const provider = connect();
  const admin = Wallet.createRandom().connect(provider);
  const sent = await admin.sendTransaction({ to: admin.address, gasPrice: 0 });
  const receipt = await sent.wait();
  await expect
    .poll(async () => (await provider.getBlock("finalized"))?.number, { timeout: 60_000 })
    .toBeGreaterThanOrEqual(receipt?.blockNumber ?? Infinity);
  await expect
    .poll(
      async () => {
        const before = await provider.getBlockNumber();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return (await provider.getBlockNumber()) - before;
      },
      { timeout: 60_000 },
    )
    .toBe(0);
  provider.destroy();
}, 180_000);

it("takes up a running chain, and keeps blocks, logs and port over a stop", async () => {
  const provider = connect();
  const admin = Wallet.createRandom().connect(provider);
  const addresses = await deployContracts(admin);
  const last = await provider.getBlockNumber();
  const hash = (await provider.getBlock(5))?.hash;
  const logs = await provider.getLogs({ fromBlock: 1, toBlock: last });
  const { pid } = JSON.parse(await readFile(join(dataDir, "anvil.json"), "utf8"));
  anvil.release();
  const again = await startAnvil({ dataDir });
  expect(again.rpcUrl).toBe(anvil.rpcUrl);
  expect(JSON.parse(await readFile(join(dataDir, "anvil.json"), "utf8")).pid).toBe(pid);
  await again.stop();
  anvil = await startAnvil({ dataDir, port: Number(new URL(again.rpcUrl).port) });
  expect((await provider.getBlock(5))?.hash).toBe(hash);
  expect(await provider.getLogs({ fromBlock: 1, toBlock: last })).toHaveLength(logs.length);
  expect(await contractAt("Authority", addresses, provider).getFunction("paused")()).toBe(false);
  provider.destroy();
}, 180_000);

it("never takes another folder's chain for its own, even on the port that it had", async () => {
  const last = JSON.parse(await readFile(join(dataDir, "anvil.json"), "utf8"));
  const other = await mkdtemp(join(tmpdir(), "cos-anvil-"));
  await writeFile(join(other, "anvil.json"), JSON.stringify({ ...last, pid: deadPid() }));
  const second = await startAnvil({ dataDir: other });
  expect(second.rpcUrl).not.toBe(anvil.rpcUrl);
  await second.stop();
  await rm(other, { recursive: true });
}, 180_000);

/** The id of a process that has ended. */
const deadPid = (): number => spawnSync(process.execPath, ["--version"]).pid;
