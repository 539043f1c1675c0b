/**
 * A process that holds a key as a KMS does: signs digests by key id for who has the token, and never shows the key. Every
 * second signature has the upper s, as KMSs answer it. `node kms-signer.ts KEY TOKEN` prints its URL.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SigningKey } from "ethers";

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const [, , secret = "", token = ""] = process.argv;
const key = new SigningKey(secret);
let count = 0;

const server = createServer(async (request, response) => {
  const answer = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
  if (request.headers.authorization !== `Bearer ${token}`) return void answer(403, {});
  if (request.url === "/v1/keys/study-key") return void answer(200, { publicKey: key.publicKey });
  if (request.url === "/v1/keys/liar/sign" || request.url === "/v1/keys/study-key/sign") {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { digest } = JSON.parse(Buffer.concat(pieces).toString()) as { digest: string };
    const { r, s } = key.sign(request.url.includes("liar") ? `0x${"11".repeat(32)}` : digest);
    const upper = `0x${(order - BigInt(s)).toString(16).padStart(64, "0")}`;
    return void answer(200, { r, s: count++ % 2 === 0 ? upper : s });
  }
  if (request.url === "/v1/keys/liar") return void answer(200, { publicKey: key.publicKey });
  answer(404, {});
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
