import http from "node:http";
import https from "node:https";
import { CertifiedAgent, type TlsMaterial } from "@cos/tls";
import { Client, type ClientOptions } from "minio";
import { type Downloads, openDownloads } from "./downloads.ts";

export type S3Address = {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
};

/** @throws TypeError when it is not `http(s)://ACCESS:SECRET@host:port/bucket` */
export function readS3Url(text: string): S3Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bucket = url?.pathname.slice(1) ?? "";
  const good = url && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  if (!good || url.username === "" || url.password === "" || !/^[a-z0-9][a-z0-9.-]{2,62}$/.test(bucket)) {
    throw new TypeError("the object store's URL is not http(s)://ACCESS:SECRET@host:port/bucket");
  }
  const secure = url.protocol === "https:";
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    accessKey: decodeURIComponent(url.username),
    secretKey: decodeURIComponent(url.password),
    bucket,
  };
}

type Transport = NonNullable<ClientOptions["transport"]>;

export type S3Connection = { readonly client: Client; readonly downloads: Downloads; close(): void };

/**
 * MinIO's client over connections of our own. It does not repeat requests by itself (it would print to the console, and
 * cannot for a stream), and it does not wait for ever: a socket on which nothing moves for `timeoutMs` is destroyed.
 */
export function connectS3(
  address: S3Address,
  options: {
    readonly region: string;
    readonly timeoutMs: number;
    readonly maxSockets: number;
    readonly tls?: TlsMaterial;
  },
): S3Connection {
  const { timeoutMs, maxSockets } = options;
  const agentOptions = { keepAlive: true, maxSockets, timeout: timeoutMs };
  const agent = address.secure
    ? new CertifiedAgent(options.tls ?? {}, agentOptions)
    : new http.Agent(agentOptions);
  const { request } = address.secure ? https : http;
  const client = new Client({
    endPoint: address.host,
    port: address.port,
    useSSL: address.secure,
    accessKey: address.accessKey,
    secretKey: address.secretKey,
    region: options.region,
    pathStyle: true,
    transportAgent: agent,
    retryOptions: { disableRetry: true },
    transport: {
      request: (to: https.RequestOptions, answered: (response: http.IncomingMessage) => void) => {
        const sent = request(to, (response) => {
          // The client throws these answers away unread, and their socket with them.
          if (response.statusCode === 429 || (response.statusCode ?? 0) >= 500) response.resume();
          sent.setTimeout(0); // from here on it is the reader who says how long it waits
          answered(response);
        });
        sent.setTimeout(timeoutMs, () => sent.destroy(new TimedOut()));
        return sent;
      },
    } as Transport,
  });
  const downloads = openDownloads(options);
  const close = () => {
    agent.destroy();
    downloads.close();
  };
  return { client, downloads, close };
}

/** Nothing moved for too long. */
export class TimedOut extends Error {
  readonly code = "ETIMEDOUT";
  constructor() {
    super("the object store does not answer");
  }
}
