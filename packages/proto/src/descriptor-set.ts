import { readFileSync } from "node:fs";

/** The binary `google.protobuf.FileDescriptorSet` of every proto file, for gRPC reflection and for fuzzers. */
export function descriptorSet(): Buffer {
  return readFileSync(new URL("./gen/descriptors.binpb", import.meta.url));
}
