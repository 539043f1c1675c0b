// Runs inside a container of the stack (compose:check hands it to node): how each part answers over the stack's network.
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

const ca = readFileSync("/run/cos/own/parts-ca.crt");
const parts = { kafka: 9092, postgres: 5432, minio: 9000, redis: 6379 };
/** Postgres is asked for TLS in its own words first. */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
/** What a client without TLS would begin with; an answer with content to any of them is one too many. */
const inTheClear = {
  kafka: Buffer.from("0000000e0012000000000001000474657374", "hex"), // ApiVersions
  postgres: startup(),
  minio: Buffer.from("GET / HTTP/1.1\r\nHost: minio:9000\r\nConnection: close\r\n\r\n"),
  redis: Buffer.from("PING\r\n"),
};
/** Answers that are refusals: TLS alerts, and the words of Postgres and MinIO. */
const refusals = /^$|^\x15|no encryption|HTTP request to an HTTPS server/;

function startup() {
  const words = Buffer.from("user\0cos\0database\0cos\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + words.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, words]);
}

/** What comes back within two seconds. */
function answer(host, port, bytes) {
  return new Promise((resolve) => {
    const socket = net.connect(port, host, () => socket.write(bytes));
    let text = "";
    const end = () => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(2_000, end).on("data", (piece) => {
      text += piece.toString("latin1");
    });
    socket.on("error", end).on("close", end);
  });
}

async function plain(host, port) {
  const socket = net.connect(port, host);
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  if (host !== "postgres") return socket;
  socket.write(sslRequest);
  await new Promise((resolve) => socket.once("readable", resolve));
  if (socket.read(1)?.toString() !== "S") throw new Error("speaks no TLS");
  return socket;
}

async function handshake(host, port, options) {
  const socket = await plain(host, port);
  return new Promise((resolve) => {
    const secure = tls.connect({ socket, servername: host, ...options }, () => {
      secure.destroy();
      resolve("yes");
    });
    secure.once("error", (error) => resolve(error.code ?? error.message));
  });
}

const seen = {};
for (const [part, port] of Object.entries(parts)) {
  const clear = await answer(part, port, inTheClear[part]);
  seen[part] = {
    believed: await handshake(part, port, { ca }),
    byTheWorld: await handshake(part, port, {}),
    inTheClear: refusals.test(clear) ? "no" : `answers ${JSON.stringify(clear.slice(0, 80))}`,
  };
}
console.log(JSON.stringify(seen));
