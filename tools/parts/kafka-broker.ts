import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { KafkaFiles } from "./kafka-jars.ts";

const run = promisify(execFile);
const startLimitMs = 120_000;

export type BrokerPlace = {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
};

/** One Kafka node, broker and controller in one. It may be stopped or killed and started again on its data and port. */
export class KafkaBroker {
  readonly id: number;
  readonly address: string;
  readonly #files: KafkaFiles;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  /** @param folder holds the node's settings, data and output */
  private constructor(files: KafkaFiles, folder: string, place: BrokerPlace) {
    this.#files = files;
    this.#folder = folder;
    this.id = place.id;
    this.address = `127.0.0.1:${place.port}`;
  }

  /** Writes the settings and formats the storage; `start` runs it. */
  static async prepare(options: {
    readonly files: KafkaFiles;
    readonly folder: string;
    readonly clusterId: string;
    readonly place: BrokerPlace;
    readonly all: readonly BrokerPlace[];
    readonly settings?: Readonly<Record<string, string | number>>;
  }): Promise<KafkaBroker> {
    const { files, folder, clusterId, place, all, settings = {} } = options;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "log4j2.properties"), log4j);
    await writeFile(join(folder, "server.properties"), properties(folder, place, all, settings));
    const broker = new KafkaBroker(files, folder, place);
    const format = ["format", "-t", clusterId, "-c", join(folder, "server.properties"), "--ignore-formatted"];
    await run(files.java, [...broker.#javaOptions(), "kafka.tools.StorageTool", ...format]);
    return broker;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when the node serves. */
  async start(): Promise<void> {
    if (this.#child) throw new Error(`broker ${this.id} runs already`);
    const output = join(this.#folder, "output.log");
    const file = await open(output, "w");
    // The kernel ends the JVM with its parent, so that a killed test run leaves none behind.
    const [command, ...first] = [
      ...(existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL"] : []),
      this.#files.java,
    ];
    const args = [...first, ...this.#javaOptions(), "kafka.Kafka", join(this.#folder, "server.properties")];
    const child = spawn(command!, args, { stdio: ["ignore", file.fd, file.fd] });
    this.#child = child;
    const ended = once(child, "exit").then(() => {
      if (this.#child === child) this.#child = undefined;
    });
    await file.close();
    const limit = performance.now() + startLimitMs;
    for (;;) {
      const said = await readFile(output, "utf8");
      if (said.includes("Kafka Server started")) return;
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > limit) {
        await this.kill();
        await ended;
        throw new Error(`broker ${this.id} did not start:\n${said.slice(-2_000)}`);
      }
      await delay(50);
    }
  }

  /** Ends the node as an operator would; its partitions move first. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends the node as a power cut would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops the process's threads without ending it: connections stay open and nobody answers. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await exit;
    clearTimeout(late);
    this.#child = undefined;
  }

  #javaOptions(): string[] {
    return [
      "-Xms64m",
      "-Xmx512m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Xshare:auto",
      `-Dlog4j2.configurationFile=${join(this.#folder, "log4j2.properties")}`,
      "-cp",
      this.#files.classPath,
    ];
  }
}

const setpriv = "/usr/bin/setpriv";

function properties(
  folder: string,
  { id, port, controllerPort }: BrokerPlace,
  all: readonly BrokerPlace[],
  settings: Readonly<Record<string, string | number>>,
): string {
  const copies = Math.min(3, all.length);
  const values: Record<string, string | number> = {
    "process.roles": "broker,controller",
    "node.id": id,
    "controller.quorum.voters": all.map((one) => `${one.id}@127.0.0.1:${one.controllerPort}`).join(","),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": join(folder, "data"),
    "auto.create.topics.enable": "false",
    "default.replication.factor": copies,
    "min.insync.replicas": Math.max(1, copies - 1),
    "offsets.topic.replication.factor": copies,
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": Math.max(1, copies - 1),
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1_000,
    // A small machine: few threads, small buffers, a lost broker noticed soon.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.cleaner.dedupe.buffer.size": 8 << 20,
    "broker.session.timeout.ms": 3_000, // a killed broker may come back after so long
    "broker.heartbeat.interval.ms": 500,
    ...settings,
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

const log4j = `appenders=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c{1})%n
rootLogger.level=WARN
rootLogger.appenderRefs=console
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
`;
