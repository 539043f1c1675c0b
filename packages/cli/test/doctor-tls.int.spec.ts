import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { descriptorSet } from "@cos/proto";
import { type HostedService, hostService, openTlsWire, type Wire } from "@cos/service-host";
import { startHttpsServer, type TempFolder, tempFolder } from "@cos/testkit";
import { TestAuthority } from "@cos/testkit/test-authority";
import { JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { unreached } from "../src/commands/doctor/chain-checks.ts";
import { judgeServices } from "../src/commands/doctor/judge-services.ts";
import { lookAtService } from "../src/commands/doctor/look-at-service.ts";

let folder: TempFolder;
let authority: TestAuthority;
const ends: (() => Promise<unknown>)[] = [];
let wires: Wire[] = [];

beforeAll(async () => {
  folder = await tempFolder("cos-doctor-tls");
  authority = await TestAuthority.create();
});
afterAll(async () => {
  for (const end of ends) await end();
  for (const wire of wires) wire.close();
  wires = [];
  await folder.remove();
});

/** A service under TLS whose certificate names the gateway. */
async function gateway(days: { fromDays?: number; toDays?: number } = {}): Promise<HostedService> {
  const name = `gateway-${ends.length}`;
  const wire = await openTlsWire(
    await authority.files(folder.path, name, ["url:spiffe://cos/gateway"], days),
  );
  wires.push(wire);
  const hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services: [], descriptorSet: descriptorSet(), wire },
  });
  hosted.setServing(true);
  ends.push(() => hosted.close());
  return hosted;
}

const judged = async (address: string, ca: string | undefined) =>
  judgeServices([
    await lookAtService({ name: "gateway", address }, ca === undefined ? undefined : { ca }),
  ])[0];

it("sees a service under TLS as anyone may, with the end of its certificate", async () => {
  const { grpcAddress } = await gateway({ toDays: 3 });
  const seen = await lookAtService({ name: "gateway", address: grpcAddress }, { ca: authority.pem });
  expect(seen).toMatchObject({ reach: "open", report: { health: "SERVING" } });
  const inDays = ((seen.certificate?.endsAt ?? 0) - Date.now() / 1000) / 86_400;
  expect(inDays).toBeGreaterThan(2.9);
  expect(inDays).toBeLessThan(3.1);
  expect(seen.certificate?.distrust).toBeUndefined();
});

it("says that a certificate ended", async () => {
  const { grpcAddress } = await gateway({ fromDays: -3, toDays: -1 });
  expect(await judged(grpcAddress, authority.pem)).toMatchObject({
    level: "bad",
    says: expect.stringContaining("CERT_HAS_EXPIRED"),
    fix: expect.stringContaining("renew"),
  });
});

it("says that the platform file is of another authority, as after new certificates", async () => {
  const { grpcAddress } = await gateway();
  const { pem } = await TestAuthority.create();
  expect(await judged(grpcAddress, pem)).toMatchObject({
    level: "bad",
    says: expect.stringContaining("not believed"),
    fix: expect.stringContaining("fetch the platform file again"),
  });
});

it("says that one side speaks TLS and the other does not", async () => {
  const { grpcAddress } = await gateway();
  expect(await judged(grpcAddress, undefined)).toMatchObject({
    level: "bad",
    fix: expect.stringContaining("one side speaks TLS"),
  });
});

it("says that another program has the port", async () => {
  const web = createServer((_, response) => response.end("hello"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  ends.push(() => new Promise((resolve) => web.close(resolve)));
  const { port } = web.address() as AddressInfo;
  expect(await judged(`127.0.0.1:${port}`, undefined)).toMatchObject({
    level: "bad",
    says: expect.stringContaining("not this service"),
  });
});

it("says that nobody listens, and that a name is not known", async () => {
  expect(await judged("127.0.0.1:1", undefined)).toMatchObject({ says: "nobody listens at 127.0.0.1:1" });
  expect(await judged("no-such-host.invalid:1", undefined)).toMatchObject({
    says: expect.stringContaining("no known host"),
  });
});

it("tells a chain's node that is not believed from one that is away", async () => {
  const node = await startHttpsServer(await authority.issue(["ip:127.0.0.1"]), (_, response) => {
    response.end("{}");
  });
  ends.push(() => node.stop());
  const asked = async (url: string) => {
    const provider = new JsonRpcProvider(url, 31_337, { staticNetwork: true });
    const cause = await provider.getBlock("latest").catch((error: unknown) => error);
    provider.destroy();
    return unreached(url, cause);
  };
  expect(await asked(`https://127.0.0.1:${node.port}`)).toMatchObject({
    level: "bad",
    says: expect.stringContaining("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    fix: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
  });
  expect(await asked("http://127.0.0.1:9")).toMatchObject({
    says: expect.stringContaining("does not answer"),
  });
});
