import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SessionServiceService } from "@cos/proto/gateway";
import { createGrpcClient, hostOf } from "@cos/service-host";
import { type RunningPlatform, startPlatform } from "@cos/standalone";
import { Wallet } from "ethers";

const plenty = Object.fromEntries(
  ["signIn", "call", "ticket", "object"].flatMap((kind) => [
    [`${kind}Burst`, "1000000"],
    [`${kind}PerSecond`, "1000000"],
  ]),
);

/** All services in this process, so that its memory is theirs, with limits out of the way of what lies behind them. */
export class HostilePlatform {
  readonly running: RunningPlatform;
  readonly dir: string;
  readonly #serviceToken: string;

  private constructor(running: RunningPlatform, dir: string, serviceToken: string) {
    this.running = running;
    this.dir = dir;
    this.#serviceToken = serviceToken;
  }

  static async start(): Promise<HostilePlatform> {
    const dir = await mkdtemp(join(tmpdir(), "cos-hostile-"));
    const running = await startPlatform({ dataDir: dir, workers: 1, settings: { gateway: plenty } });
    const keys = JSON.parse(await readFile(join(dir, "operator-keys.json"), "utf8")) as {
      serviceToken: string;
    };
    return new HostilePlatform(running, dir, keys.serviceToken);
  }

  async stop(): Promise<void> {
    await this.running.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Where an rpc's service is answered; `OpsService` in more than one place. */
  addressesOf(rpcService: string): string[] {
    const { access, gateway, orchestrator, settlement, workers } = this.running.platform.services;
    const by = { access, gateway, orchestrator, settlement, "fhe-worker": workers[0] ?? "", operator: "" };
    const host = hostOf(rpcService);
    return host === undefined ? [access, gateway, orchestrator, settlement] : [by[host]];
  }

  /** What three kinds of callers send: strangers, people who signed in, and the platform's own services. */
  async callers(): Promise<Record<"stranger" | "person" | "service", Record<string, string>>> {
    const wallet = Wallet.createRandom();
    const sessions = createGrpcClient(SessionServiceService, this.running.platform.services.gateway);
    const { message } = await sessions.createChallenge({
      address: Buffer.from(wallet.address.slice(2), "hex"),
    });
    const signature = Buffer.from((await wallet.signMessage(message)).slice(2), "hex");
    const { accessToken } = await sessions.signIn({ message, signature });
    sessions.close();
    return {
      stranger: {},
      person: { authorization: `Bearer ${accessToken}` },
      service: { "cos-service-token": this.#serviceToken },
    };
  }
}
