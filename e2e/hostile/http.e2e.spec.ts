import { readFile } from "node:fs/promises";
import { connect } from "node:http2";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { patience } from "../support/patience.ts";
import { everyRpc } from "./every-rpc.ts";
import { keptBytes } from "./heap.ts";
import { hostileTexts } from "./hostile-message.ts";
import { HostilePlatform } from "./hostile-platform.ts";
import { rawHttp } from "./raw-http.ts";

const seed = Number(process.env.COS_HOSTILE_SEED ?? "20261121");
const object = `/v1/objects/${"ab".repeat(32)}`;
const routes = [object, "/v1/objects/x", "/.well-known/jwks.json", "/healthz", "/metrics", "/readyz", "/"];
const methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"];

let platform: HostilePlatform;
let gateway: string;
let metrics: string[];
const strays: unknown[] = [];
const remember = (error: unknown) => void strays.push(error);

beforeAll(async () => {
  process.on("uncaughtException", remember);
  process.on("unhandledRejection", remember);
  platform = await HostilePlatform.start();
  const ports = JSON.parse(await readFile(`${platform.dir}/ports.json`, "utf8")) as Record<string, number>;
  gateway = `http://127.0.0.1:${ports.gatewayHttp}`;
  metrics = [...platform.running.metricsUrls.values()];
}, patience);
afterAll(async () => {
  await platform.stop();
  process.off("uncaughtException", remember);
  process.off("unhandledRejection", remember);
}, patience);

const line = (text: string): string => text.replace(/[\r\n]/g, "");
const header = fc.oneof(
  fc
    .constantFrom(
      "authorization: Bearer ",
      "range: bytes=",
      "content-length: ",
      "transfer-encoding: ",
      "host: ",
      "expect: ",
      "x-y: ",
      "",
    )
    .chain((name) =>
      fc.constantFrom(...hostileTexts).map((value) => `${name}${line(value).slice(0, 4_000)}`),
    ),
  fc.constantFrom(
    "content-length: 99999999999999999999",
    "content-length: -5",
    "content-length: 5\r\ncontent-length: 6",
    "transfer-encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 3",
    "range: bytes=0-0,2-3",
    "range: bytes=99999999999999999999-",
    "expect: 100-continue",
    "connection: upgrade\r\nupgrade: websocket",
    `x-large: ${"A".repeat(20_000)}`,
    ...[101, 2_000].map((count) => Array.from({ length: count }, (_, i) => `h${i}: 1`).join("\r\n")),
  ),
);
const path = fc.oneof(
  fc.constantFrom(...routes),
  fc.constantFrom(
    "/%ff",
    "/v1/objects/%00",
    `${object}?${"q=1&".repeat(3_000)}`,
    "/v1/objects/..%2f..%2fetc%2fpasswd",
    "//",
    "/%",
    "*",
    "http://elsewhere.example/",
    `/${"a/".repeat(5_000)}`,
  ),
  fc.constantFrom(...hostileTexts).map((text) => `/v1/objects/${encodeURIComponent(text.slice(0, 2_000))}`),
);
const request = fc
  .tuple(
    fc.constantFrom(...methods),
    path,
    fc.array(header, { maxLength: 3 }),
    fc.constantFrom("", "x", "5\r\nhello\r\n", "ffffffffffffffff\r\nx", "A".repeat(70_000)),
  )
  .map(
    ([method, where, headers, body]) =>
      `${method} ${where} HTTP/1.1\r\nhost: cos\r\n${headers.map((each) => `${each}\r\n`).join("")}connection: close\r\n\r\n${body}`,
  );
const noRequest = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(
    "\r\n\r\n",
    "GET\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01",
  ),
);

it(
  "answers bad requests to every route with a client's error, and keeps nothing of them",
  async () => {
    const kept: number[] = [];
    const wrong: string[] = [];
    let answered = 0;
    for (let round = 0; round < 3; round++) {
      const texts = fc.sample(
        fc.oneof({ weight: 5, arbitrary: request }, { weight: 1, arbitrary: noRequest }),
        { seed: seed + round, numRuns: 300 },
      );
      for (const root of [gateway, ...metrics]) {
        const some = root === gateway ? texts : texts.slice(0, 40);
        for (let start = 0; start < some.length; start += 20) {
          await Promise.all(
            some.slice(start, start + 20).map(async (text) => {
              const status = await rawHttp(root, text, 400);
              // A stalled body waits for its time limit, a torn request is just closed; what is answered is no 5xx.
              if (status !== undefined) answered++;
              if (status !== undefined && status >= 500)
                wrong.push(`${status} to ${text.toString().slice(0, 200)}`);
            }),
          );
        }
      }
      kept.push(await keptBytes());
    }
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(700);
    expect((kept.at(-1) ?? 0) / (kept[0] ?? 1)).toBeLessThan(1.15);
    expect(strays).toEqual([]);
    expect(await rawHttp(gateway, "GET /healthz HTTP/1.1\r\nhost: cos\r\n\r\n")).toBe(200);
  },
  2 * patience,
);

it(
  "refuses an upload before its body: without a length, with one over the cap, without a transfer",
  async () => {
    const put = (headers: string) =>
      rawHttp(gateway, `PUT ${object} HTTP/1.1\r\nhost: cos\r\n${headers}\r\n`);
    expect(await put("content-length: 1000000000000\r\n")).toBe(401);
    expect(await put("transfer-encoding: chunked\r\nauthorization: Bearer x\r\n")).toBe(401);
    expect(await rawHttp(gateway, `GET / HTTP/1.1\r\nhost: cos\r\nx: ${"A".repeat(20_000)}\r\n\r\n`)).toBe(
      431,
    );
  },
  patience,
);

it(
  "ends broken gRPC framing on every rpc without ending the server",
  async () => {
    const frames = {
      cut: Buffer.from([0, 0, 0, 0, 100, 1, 2, 3]),
      huge: Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]),
      squeezed: Buffer.from([1, 0, 0, 0, 3, 1, 2, 3]),
      flagged: Buffer.from([0x80, 0, 0, 0, 1, 1]),
      empty: Buffer.alloc(0),
      noise: Buffer.alloc(3_000, 0xa5),
    };
    const wrong: string[] = [];
    for (const { path: rpc, service } of everyRpc()) {
      const [address = ""] = platform.addressesOf(service);
      const session = connect(`http://${address}`);
      session.on("error", () => {});
      for (const [name, bytes] of Object.entries(frames)) {
        const status = await new Promise<string>((resolve) => {
          let heard = "closed";
          const stream = session.request({
            ":method": "POST",
            ":path": rpc,
            "content-type": "application/grpc",
            te: "trailers",
          });
          const hear = (headers: Record<string, unknown>) => {
            if (headers["grpc-status"] !== undefined) heard = String(headers["grpc-status"]);
          };
          stream.on("response", hear);
          stream.on("trailers", hear);
          stream.on("error", () => {});
          stream.on("close", () => resolve(heard));
          stream.resume();
          stream.end(bytes);
        });
        if (status === "0" || status === "2") wrong.push(`${rpc} ${name}: ${status}`);
      }
      session.destroy();
    }
    expect(wrong).toEqual([]);
    expect(strays).toEqual([]);
  },
  patience,
);
