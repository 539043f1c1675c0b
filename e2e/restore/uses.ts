import { buffer } from "node:stream/consumers";
import type { CosClient } from "@cos/client";
import { Client as Minio } from "minio";
import type { Finding } from "../faults/audit.ts";

/** Every use of a ticket that the chain has, from its batches' leaves and from its single records: none twice. */
export async function auditUses(client: CosClient, bucketUrl: string): Promise<Finding> {
  const batches = await client.chain.findEvents("UsageLog", "UsesBatched", []);
  const single = await client.chain.findEvents("UsageLog", "Used", []);
  const store = minioOf(bucketUrl);
  const uses = single.map(({ args }) => String(args.useId));
  for (const { args } of batches) {
    const digest = String(args.uri).replace(/^cos-object:/, "");
    const text = await buffer(await store.client.getObject(store.name, `objects/${digest}`));
    const leaves = JSON.parse(text.toString()) as { leaves: [string][] };
    uses.push(...leaves.leaves.map(([useId]) => useId));
  }
  const twice = uses.length - new Set(uses).size;
  return {
    rule: "no use of a ticket was recorded twice",
    ok: twice === 0 && uses.length > 0,
    seen: `${uses.length} uses in ${batches.length} batches, ${twice} twice`,
  };
}

type Bucket = { readonly client: Minio; readonly name: string };

function minioOf(url: string): Bucket {
  const { hostname, port, username, password, pathname } = new URL(url);
  const client = new Minio({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    accessKey: decodeURIComponent(username),
    secretKey: decodeURIComponent(password),
  });
  return { client, name: pathname.slice(1) };
}
