import type { Party } from "@cos/demo";
import { TicketKind } from "@cos/proto/gateway";
import { digestOfBytes } from "@cos/protocol";

/** Stores objects through the gateway under one upload ticket, as anybody with an identity may. */
export async function uploadObjects(
  { client, account }: Party,
  objects: readonly Uint8Array[],
): Promise<void> {
  const maxBytes = BigInt(objects.reduce((sum, bytes) => sum + bytes.length, 0));
  const kind = TicketKind.TICKET_KIND_UPLOAD;
  const transfer = await client.transfers.open(client.session(account), { kind, maxBytes });
  await client.transfers.upload(
    transfer,
    objects.map((bytes) => ({ digest: digestOfBytes(bytes), sizeBytes: bytes.length, bytes })),
  );
}
