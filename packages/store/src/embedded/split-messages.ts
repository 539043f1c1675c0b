const protocolVersion3 = 196_608;
const terminate = "X".charCodeAt(0);

/**
 * Cuts a Postgres client's byte stream into whole messages. A start-up message has no type byte: length, then version.
 * `Terminate` is dropped, because the connection's port says the same and the engine must stay up.
 * @source PostgreSQL documentation, "Message Formats"
 */
export function splitMessages(
  before: Uint8Array,
  chunk: Uint8Array,
): { messages: Uint8Array[]; rest: Uint8Array } {
  const bytes = Buffer.concat([before, chunk]);
  const messages: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    const left = bytes.length - at;
    if (left < 5) break;
    const isStartup = left >= 8 && bytes[at] === 0 && bytes.readInt32BE(at + 4) === protocolVersion3;
    const size = isStartup ? bytes.readInt32BE(at) : 1 + bytes.readInt32BE(at + 1);
    if (left < size) break;
    if (isStartup || bytes[at] !== terminate) messages.push(new Uint8Array(bytes.subarray(at, at + size)));
    at += size;
  }
  return { messages, rest: new Uint8Array(bytes.subarray(at)) };
}
