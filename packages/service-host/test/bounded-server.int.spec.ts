import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { descriptorSet } from "@cos/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HostedService, hostService } from "../src/index.ts";

let hosted: HostedService;
let port: number;
const ends: (number | "cut off")[] = [];
let hold: Promise<void> = Promise.resolve();

beforeAll(async () => {
  hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services: [], descriptorSet: descriptorSet() },
    http: {
      port: 0,
      limits: { headersMs: 200, paceMs: 200, minBytesPerSecond: 1_000, maxHeaderBytes: 4_096 },
      routes: [
        {
          method: "PUT",
          path: "/sink",
          handle: async (request, response) => {
            let length = 0;
            await hold;
            try {
              for await (const piece of request) length += (piece as Buffer).length;
            } catch {
              ends.push("cut off");
              return;
            }
            ends.push(length);
            response.end(String(length));
          },
        },
      ],
    },
  });
  port = Number(new URL(hosted.httpUrl ?? "").port);
});
afterAll(() => hosted.close());

const dial = async (): Promise<Socket> => {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
};

/** A reset is an end, too: `once` would throw it. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once("close", () => resolve()));

describe("slow and greedy peers", () => {
  it("are closed when headers do not come to an end", async () => {
    const socket = await dial();
    socket.resume();
    const trickle = setInterval(() => socket.write("x"), 40);
    socket.write("PUT /sink HTTP/1.1\r\nhost: cos\r\nx-slow: ");
    await closed(socket);
    clearInterval(trickle);
  });

  it("are cut off when a body comes a byte at a time, or not at all", async () => {
    for (const byte of ["x", ""]) {
      const socket = await dial();
      socket.resume();
      const trickle = setInterval(() => socket.write(byte), 20);
      socket.write("PUT /sink HTTP/1.1\r\nhost: cos\r\ncontent-length: 1000000\r\n\r\n");
      await closed(socket);
      clearInterval(trickle);
      await expect.poll(() => ends.shift()).toBe("cut off");
    }
  });

  it("are refused when their headers are too large", async () => {
    const socket = await dial();
    socket.write(`PUT /sink HTTP/1.1\r\nhost: cos\r\nx: ${"A".repeat(5_000)}\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 431 /);
    socket.destroy();
  });

  it("are not those whose body waits for the service", async () => {
    let go = () => {};
    hold = new Promise((resolve) => {
      go = resolve;
    });
    const body = Buffer.alloc(2_000_000, 7);
    const sent = httpRequest({
      port,
      host: "127.0.0.1",
      method: "PUT",
      path: "/sink",
      headers: { "content-length": body.length },
    });
    sent.end(body);
    await new Promise((resolve) => setTimeout(resolve, 700)); // More than three of the server's looks at the pace.
    go();
    const [response] = await once(sent, "response");
    (response as NodeJS.ReadableStream).resume();
    expect(ends).toEqual([body.length]);
  });
});
