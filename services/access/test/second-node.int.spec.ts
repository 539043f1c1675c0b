import { openRpcProvider } from "@cos/chain";
import { openEmbeddedLog } from "@cos/messaging";
import { AccessServiceService } from "@cos/proto/access";
import { OpsServiceService } from "@cos/proto/ops";
import { anyRegion, Op } from "@cos/protocol";
import { createGrpcClient, readConfig, silentLogger } from "@cos/service-host";
import { openEmbeddedStore } from "@cos/store";
import { rules, startFaultyRpc } from "@cos/testkit";
import { expect, it } from "vitest";
import { accessSettings, composeAccess } from "../src/index.ts";
import { program, purpose, startWorld } from "./world.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

it("permits only while two nodes tell one chain; refusing goes on, and agreement heals it", async () => {
  const [world, store] = await Promise.all([startWorld(), openEmbeddedStore()]);
  await world.publishDataset();
  await world.grantAccess();
  await world.approveProgram();
  const second = await startFaultyRpc(world.anvil.rpcUrl);
  const witness = openRpcProvider(second.url, { chainId: world.anvil.chainId, timeoutMs: 1_000 });
  const settings = { POLL_MS: "20", WITNESS_POLL_MS: "20", WITNESS_DEPTH: "0" };
  const config = readConfig(accessSettings, "", settings);
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const log = await openEmbeddedLog({ store });
  const clock = await world.now();
  const service = composeAccess(config.value, {
    db: store.schema("access"),
    log,
    chain: { provider: world.provider, witness, addresses: world.addresses },
    logger: silentLogger,
    now: () => clock,
    serviceToken: "let me in",
  });
  second.rule("*", rules.drop());
  await service.start();
  const access = createGrpcClient(AccessServiceService, service.grpcAddress);
  const ops = createGrpcClient(OpsServiceService, service.grpcAddress, { "cos-service-token": "let me in" });
  const question = {
    grantId: "1",
    datasetId: "1",
    grantee: bytes(world.people.researcher.address),
    opMask: Op.COMPUTE as number,
    purposeHash: bytes(purpose),
    regionCode: bytes(anyRegion),
    tickets: 0,
    epsilonMicro: 0n,
    deltaNano: 0n,
    exactReleases: 1,
    version: 1,
    algorithmId: bytes(program),
    permitId: Buffer.alloc(0),
  };
  const state = async () => (await access.getMirrorStatus({})).state;
  const until = (wanted: string) => expect.poll(state, { timeout: 60_000 }).toBe(wanted);
  const mirrored = async () =>
    Number((await access.getMirrorStatus({})).confirmedNumber) === (await world.provider.getBlockNumber());

  try {
    await expect.poll(mirrored, { timeout: 60_000 }).toBe(true);
    await until("disputed"); // the second node has not been heard
    await expect(access.checkAccess(question)).rejects.toMatchObject({
      status: "UNAVAILABLE",
      code: "MIRROR_DISPUTED",
    });

    second.clear();
    await until("following");
    expect(await access.checkAccess(question)).toMatchObject({ allowed: true });

    second.rule(
      "eth_chainId",
      rules.change(() => "0x1"),
    );
    await until("disputed");
    await expect(access.checkAccess(question)).rejects.toMatchObject({ code: "MIRROR_DISPUTED" });
    const refused = await access.checkAccess({ ...question, opMask: Op.READ as number });
    expect(refused).toMatchObject({ allowed: false, code: "OPERATION_NOT_GRANTED" });
    const { facts } = await ops.getStatus({});
    expect(facts.find(({ name }) => name === "mirror.dispute")?.value).toMatch(/^OTHER_CHAIN/);
    expect((await access.getGrant({ grantId: "1" })).grant).toMatchObject({ revoked: false }); // nothing is taken back

    second.clear();
    await until("following");
    expect(await access.checkAccess(question)).toMatchObject({ allowed: true });
  } finally {
    access.close();
    ops.close();
    await service.stop();
    await log.close();
    witness.destroy();
    await second.close();
    await store.close();
    await world.stop();
  }
});
