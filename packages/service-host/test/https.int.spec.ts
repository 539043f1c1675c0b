import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { descriptorSet } from "@cos/proto";
import { TestAuthority } from "@cos/testkit/test-authority";
import { CertificateWatch } from "@cos/tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type HostedService, hostService } from "../src/index.ts";

const refreshMs = 30;
const paceMs = 200;
let dir: string;
let authority: TestAuthority;
let watch: CertificateWatch;
let files: { certFile: string; keyFile: string };
let hosted: HostedService;
let hold: Promise<void> = Promise.resolve();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "cos-https-"));
  authority = await TestAuthority.create();
  const { certFile, keyFile } = await authority.files(dir, "web", ["ip:127.0.0.1"]);
  files = { certFile, keyFile };
  watch = await CertificateWatch.open(files, refreshMs);
  hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services: [], descriptorSet: descriptorSet() },
    http: {
      port: 0,
      tls: watch,
      limits: { paceMs, minBytesPerSecond: 1_000 },
      routes: [
        {
          method: "PUT",
          path: "/sink",
          handle: async (incoming, response) => {
            await hold;
            let length = 0;
            for await (const piece of incoming) length += (piece as Buffer).length;
            response.end(String(length));
          },
        },
      ],
    },
  });
});
afterAll(async () => {
  await hosted.close();
  watch.close();
  await rm(dir, { recursive: true, force: true });
});

/** Puts pieces, one after the other with a pause; answers the body, or the error's code. */
function put(ca: string, pieces: readonly Buffer[], pauseMs = 0, more: RequestOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const { port } = new URL(hosted.httpUrl ?? "");
    const options = { host: "127.0.0.1", port, path: "/sink", method: "PUT", ca, agent: false, ...more };
    const sent = request(options, async (response) => {
      const body = await Array.fromAsync(response as AsyncIterable<Buffer>).catch(() => []);
      resolve(Buffer.concat(body).toString());
    });
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    void (async () => {
      for (const piece of pieces) {
        sent.write(piece);
        await delay(pauseMs);
      }
      sent.end();
    })();
  });
}

it("serves TLS under the certificate's name, and nothing in the clear", async () => {
  expect(hosted.httpUrl).toMatch(/^https:/);
  expect(await put(authority.pem, [Buffer.from("abc")])).toBe("3");
  expect(await put(authority.pem, [], 0, { servername: "elsewhere.example" })).toBe(
    "ERR_TLS_CERT_ALTNAME_INVALID",
  );
  expect(await put((await TestAuthority.create("CN=stranger")).pem, [])).toMatch(/CERT|UNABLE|SELF_SIGNED/);
  expect(await put(authority.pem, [], 0, { maxVersion: "TLSv1.1", minVersion: "TLSv1" })).toMatch(
    /^ERR_SSL|EPROTO/,
  );
  const clear = hosted.httpUrl?.replace("https:", "http:") ?? "";
  await expect(fetch(`${clear}/sink`, { method: "PUT" })).rejects.toThrow("fetch failed");
});

it("counts a sender's pace under TLS as in the clear", async () => {
  const steady = Array.from({ length: 8 }, () => Buffer.alloc(1_000));
  expect(await put(authority.pem, steady, paceMs / 4)).toBe("8000");
  const slow = Array.from({ length: 200 }, () => Buffer.alloc(1));
  expect(await put(authority.pem, slow, paceMs / 4)).toMatch(/ECONNRESET|EPIPE/);
});

it("takes a new certificate for new connections while it runs, and lets those that run end", async () => {
  const held = Promise.withResolvers<void>();
  hold = held.promise;
  const before = put(authority.pem, [Buffer.from("under the old one")]);
  const next = await TestAuthority.create("CN=next");
  const { cert, key } = await next.issue(["ip:127.0.0.1"]);
  await writeFile(files.certFile, cert);
  await delay(5 * refreshMs); // Half of a rotation: looked at, and left alone.
  await writeFile(files.keyFile, key);
  await expect.poll(() => watch.cert?.toString()).toBe(cert);
  held.resolve();
  expect(await before).toBe("17");
  expect(await put(next.pem, [Buffer.from("new")])).toBe("3");
  expect(await put(authority.pem, [])).toMatch(/CERT|UNABLE|SELF_SIGNED/);
});
