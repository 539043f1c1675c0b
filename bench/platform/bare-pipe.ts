import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { ready } from "./peer.ts";

/**
 * Passes GET requests on to the store named in the first argument and its answers back, as they are: what a process of
 * Node.js can carry that asks nobody and counts nothing.
 */
const [store] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const server = createServer(({ url = "/", headers }, response) => {
  const { range } = headers;
  request(new URL(url, store), { agent, headers: range === undefined ? {} : { range } }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  }).end();
});
await once(server.listen(0, "127.0.0.1"), "listening");
ready(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
