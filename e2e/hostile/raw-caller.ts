import { Client, credentials, status as grpcStatus, Metadata, type ServiceError } from "@grpc/grpc-js";

/** How a call ended: `status` by gRPC's name, `code` as the service typed it, `OK` for both when it was answered. */
export type Outcome = { readonly status: string; readonly code: string | undefined };

/** Calls rpcs with bytes as they are. One connection an address. */
export class RawCaller {
  readonly #clients = new Map<string, Client>();

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  /** A server stream is read to its first message and left. */
  call(
    address: string,
    path: string,
    body: Buffer,
    metadata: Readonly<Record<string, string>>,
  ): Promise<Outcome> {
    const client = this.#clientOf(address);
    const sent = new Metadata();
    for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
    return new Promise((resolve) => {
      const call = client.makeServerStreamRequest(path, asIs, asIs, body, sent, {
        deadline: Date.now() + 60_000,
      });
      call.on("data", () => {
        resolve({ status: "OK", code: "OK" });
        call.cancel();
      });
      call.on("error", (error: ServiceError) => resolve(outcomeOf(error)));
      call.on("end", () => resolve({ status: "OK", code: "OK" }));
    });
  }

  #clientOf(address: string): Client {
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const client = new Client(address, credentials.createInsecure(), {
      "grpc.max_send_message_length": -1,
      "grpc.max_receive_message_length": -1,
    });
    this.#clients.set(address, client);
    return client;
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

function outcomeOf(error: ServiceError): Outcome {
  const code = error.metadata?.get("cos-error-code")[0];
  return { status: grpcStatus[error.code] ?? "UNKNOWN", code: typeof code === "string" ? code : undefined };
}
