import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "@cos/proto";

/** One rpc as the protos describe it. */
export type Rpc = {
  /** `/cos.gateway.v1.TicketService/IssueTicket` */
  readonly path: string;
  /** `cos.gateway.v1.TicketService` */
  readonly service: string;
  readonly input: DescMessage;
};

/** Every rpc of every proto file, so that a new one is tried without anybody writing its name here. */
export function everyRpc(): Rpc[] {
  const registry: FileRegistry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));
  return [...registry]
    .filter((each) => each.kind === "service")
    .flatMap(({ typeName: service, methods }) =>
      methods.map(({ name, input }) => ({ path: `/${service}/${name}`, service, input })),
    );
}
