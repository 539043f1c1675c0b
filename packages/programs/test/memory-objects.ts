import type { ObjectRef } from "@cos/protocol";
import type { ObjectSink, ReadObject } from "../src/index.ts";

/** Objects by digest, in memory: what a store does for a test. */
export function memoryObjects() {
  const objects = new Map<string, Uint8Array>();
  const sink: ObjectSink = async (ref, bytes) => {
    objects.set(ref.digest, bytes);
  };
  const read: ReadObject = async (ref) => {
    const bytes = objects.get(ref.digest);
    if (bytes === undefined) throw new Error("no such object");
    return bytes;
  };
  const remove = (ref: ObjectRef) => objects.delete(ref.digest);
  return { objects, sink, read, remove };
}
