import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Anvil, startAnvil } from "@cos/chain";
import { type MessageLog, openEmbeddedLog, toMessage } from "@cos/messaging";
import { type EmbeddedObjects, type ObjectStore, openEmbeddedObjects } from "@cos/objects";
import { ChainEvent, Stage } from "@cos/proto/chain";
import {
  type IssueTicketRequest,
  JobServiceService,
  SessionServiceService,
  TicketEvent,
  TicketServiceService,
} from "@cos/proto/gateway";
import { KeyOpsServiceService } from "@cos/proto/ops";
import { asAddress, asDigest, type Digest, signTicketRedemption } from "@cos/protocol";
import { createGrpcClient, RpcFault, silentLogger } from "@cos/service-host";
import { freePort } from "@cos/service-host/free-ports";
import { openEmbeddedStore, type Store } from "@cos/store";
import { chainEvents } from "@cos/topics";
import { JsonRpcProvider, Wallet } from "ethers";
import { composeGateway, type GatewayConfig, type GatewayHandle, readGatewayConfig } from "../src/index.ts";
import { StandInAccess } from "./stand-in-access.ts";
import { StandInOrchestrator } from "./stand-in-orchestrator.ts";

export const chainId = 31_337n;
const serviceToken = "a-service-token-of-sufficient-length";

type Fact = NonNullable<ChainEvent["event"]>;
type Caller = { authorization: string };

export const bytesOf = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");
export const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

/** One gateway on embedded parts, with stand-ins for the services it asks and a clock that a test sets. */
export class GatewayHarness {
  readonly access = new StandInAccess();
  readonly orchestrator = new StandInOrchestrator();
  readonly gatewayKey = Wallet.createRandom();
  clock = 1_800_000_000;
  store!: Store;
  log!: MessageLog;
  objects!: EmbeddedObjects;
  gateway!: GatewayHandle;
  provider!: JsonRpcProvider;
  #anvil!: Anvil;
  #dir = "";
  #config!: GatewayConfig;
  #blocks = 0;
  readonly #duplicates: boolean;
  readonly #settings: Record<string, string>;
  #clients: { close(): void }[] = [];

  constructor(options: { duplicates?: boolean; settings?: Record<string, string> } = {}) {
    this.#duplicates = options.duplicates ?? false;
    this.#settings = options.settings ?? {};
  }

  async start(): Promise<this> {
    this.#dir = await mkdtemp(join(tmpdir(), "cos-gateway-"));
    this.#anvil = await startAnvil({ dataDir: join(this.#dir, "chain") });
    this.provider = new JsonRpcProvider(this.#anvil.rpcUrl, Number(chainId), { staticNetwork: true });
    const config = readGatewayConfig({
      COS_GATEWAY_HTTP_PORT: String(await freePort()),
      COS_GATEWAY_CHAIN_ID: chainId.toString(),
      COS_GATEWAY_GATEWAY_ADDRESS: this.gatewayKey.address,
      COS_GATEWAY_ACCESS_ADDRESS: await this.access.start(),
      COS_GATEWAY_ORCHESTRATOR_ADDRESS: await this.orchestrator.start(serviceToken),
      COS_GATEWAY_SIGNING_KEY_FILE: join(this.#dir, "secrets", "gateway.jwk"),
      ...this.#settings,
    });
    if (!config.ok) throw new Error(JSON.stringify(config.error));
    this.#config = config.value;
    await this.boot();
    return this;
  }

  /** Opens the parts on the same folder and starts the gateway on them: a new process, as far as it can tell. */
  async boot(): Promise<void> {
    this.store = await openEmbeddedStore({ dataDir: join(this.#dir, "store") });
    this.log = await openEmbeddedLog({ store: this.store, duplicateDeliveries: this.#duplicates });
    this.objects = await openEmbeddedObjects({ dataDir: join(this.#dir, "objects"), now: () => this.clock });
    this.gateway = composeGateway(this.#config, {
      db: this.store.schema("gateway"),
      log: this.log,
      objects: this.objects.store,
      chain: { provider: this.provider },
      logger: silentLogger,
      now: () => this.clock,
      serviceToken,
    });
    await this.gateway.start();
  }

  async shutDown(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#clients = [];
    await this.gateway.stop();
    await this.log.close();
    await this.objects.close();
    await this.store.close();
  }

  async stop(): Promise<void> {
    await this.shutDown();
    await this.access.hosted?.close();
    await this.orchestrator.hosted?.close();
    this.provider.destroy();
    await this.#anvil.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  get sessions() {
    return this.#client(SessionServiceService);
  }
  get tickets() {
    return this.#client(TicketServiceService);
  }
  get jobs() {
    return this.#client(JobServiceService);
  }
  /** The operators' rpcs for signing keys, with the service token. */
  get keys() {
    return this.#client(KeyOpsServiceService, { "cos-service-token": serviceToken });
  }
  get signingKeyFile(): string {
    return join(this.#dir, "secrets", "gateway.jwk");
  }
  get url(): string {
    return this.gateway.httpUrl;
  }
  get db() {
    return this.store.schema("gateway");
  }

  #client<D extends Parameters<typeof createGrpcClient>[0]>(
    definition: D,
    metadata: Record<string, string> = {},
  ) {
    const client = createGrpcClient(definition, this.gateway.grpcAddress, metadata);
    this.#clients.push(client);
    return client;
  }

  async signIn(wallet: { address: string; signMessage(text: string): Promise<string> }): Promise<Caller> {
    const { message } = await this.sessions.createChallenge({ address: bytesOf(wallet.address) });
    const signature = bytesOf(await wallet.signMessage(message));
    const { accessToken } = await this.sessions.signIn({ message, signature });
    return { authorization: `Bearer ${accessToken}` };
  }

  issue(caller: Caller, wish: Partial<IssueTicketRequest>) {
    const nothing = Buffer.alloc(0);
    const request = {
      kind: 0,
      datasetId: "",
      version: 0,
      grantId: "",
      sessionId: nothing,
      opMask: 0,
      purposeHash: nothing,
      permitId: nothing,
      maxBytes: 0n,
      ...wish,
    } as IssueTicketRequest;
    return this.tickets.issueTicket(request, { metadata: caller });
  }

  /** Redeems with a proof signed by `signer` now, or as told. */
  async redeem(
    caller: Caller,
    issued: { ticket: string; ticketId: Uint8Array },
    signer: Wallet | ReturnType<typeof Wallet.createRandom>,
    proof: { issuedAt?: number; audience?: string } = {},
  ) {
    const issuedAt = proof.issuedAt ?? this.clock;
    const audience = proof.audience ?? this.gateway.publicUrl;
    const ticketId = asDigest(hexOf(issued.ticketId));
    const signature = await signTicketRedemption(signer, chainId, { ticketId, audience, issuedAt });
    return this.tickets.redeemTicket(
      { ticket: issued.ticket, proof: bytesOf(signature), proofIssuedAt: BigInt(issuedAt) },
      { metadata: caller },
    );
  }

  /** Publishes a log as the mirror would; the returned event can be published again at another stage. */
  async mirror(fact: Fact, stage: Stage = Stage.STAGE_CONFIRMED, again?: ChainEvent): Promise<ChainEvent> {
    this.#blocks += 1;
    const event: ChainEvent =
      again === undefined
        ? ChainEvent.fromPartial({
            chainId,
            blockNumber: BigInt(this.#blocks),
            blockHash: randomBytes(32),
            blockTime: BigInt(this.clock),
            transactionHash: randomBytes(32),
            logIndex: 0,
            stage,
            contract: "",
            event: fact as never,
          })
        : { ...again, stage };
    const messageId = `${hexOf(event.blockHash)}:${event.logIndex}:${stage}`;
    await this.log.publish([toMessage(chainEvents, event, { messageId, producer: "access" })]);
    await this.settled();
    return event;
  }

  /** Waits until both consumers have taken everything that was published. */
  async settled(): Promise<void> {
    const groups = ["gateway.mirror-authority", "gateway.delete-superseded-objects"];
    await until(async () => {
      const lags = await Promise.all(groups.map((group) => this.log.lag(group, chainEvents.name)));
      return lags.every((lag) => lag === 0);
    });
  }

  async mintIdentity(wallet: { address: string }, sbtId: string): Promise<ChainEvent> {
    return this.mirror({
      $case: "identityMinted",
      value: { sbtId, holder: bytesOf(wallet.address) } as never,
    });
  }

  /** Everything on `gateway.tickets.v1` so far. */
  async ticketEvents(): Promise<TicketEvent[]> {
    const { rows } = await this.db.query<{ value: Buffer }>("SELECT value FROM outbox ORDER BY id");
    return rows.map(({ value }) => TicketEvent.decode(value));
  }

  /** A signed-in holder of identity `sbtId` with a running upload. */
  async startUpload(wallet: Wallet | ReturnType<typeof Wallet.createRandom>, maxBytes: number) {
    const caller = await this.signIn(wallet);
    const issued = await this.issue(caller, { kind: 1, maxBytes: BigInt(maxBytes) });
    return this.redeem(caller, issued, wallet);
  }

  /** Works on the stored objects while the gateway is down. */
  async withObjects(work: (store: ObjectStore) => Promise<unknown>): Promise<void> {
    const objects = await openEmbeddedObjects({ dataDir: join(this.#dir, "objects") });
    await work(objects.store);
    await objects.close();
  }

  /** What an interrupted upload might have left in the object store. */
  temporaryFiles(): Promise<string[]> {
    return readdir(join(this.#dir, "objects", "store", "tmp"));
  }

  object(digest: Digest): string {
    return `${this.url}/v1/objects/${digest.slice(2)}`;
  }
}

/** The code of the refusal that a call ends in; fails when it does not. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RpcFault) return error.code;
    throw error;
  }
  throw new Error("expected a refusal");
}

export async function until(condition: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("the condition did not come true in time");
    await delay(15);
  }
}

export const address = (wallet: { address: string }) => asAddress(wallet.address);
