import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startAnvil } from "@cos/chain";
import { ensureIdentity, readPlatformFile } from "@cos/client";
import { type Fleet, startFleet } from "@cos/cluster";
import { newParty, type Party, type PlatformProcess } from "@cos/demo";
import { Unwinder } from "@cos/parts";
import { JsonRpcProvider } from "ethers";
import { Scene } from "../../e2e/support/scene.ts";
import { type SmallCohort, smallCohort } from "../../e2e/support/small-cohort.ts";
import { startParts } from "../../tools/parts/start-parts.ts";

/** The five services as processes on real parts, a hospital with a dataset, a researcher with a grant to it. */
export type Stage = {
  readonly fleet: Fleet;
  readonly scene: Scene;
  readonly hospital: Party;
  readonly researcher: Party;
  readonly datasetId: string;
  readonly datasetDir: string;
  readonly grantId: string;
  readonly trait: string;
  /** The chain as this bench looks at it. */
  readonly provider: JsonRpcProvider;
  readonly parts: {
    readonly versions: Readonly<Record<string, string>>;
    readonly env: Readonly<Record<string, string>>;
    readonly postgres: string;
    /** With the bucket. */
    readonly s3: string;
  };
  /** From now on a block each second, whatever comes, as chains have it. */
  blocksEachSecond(): Promise<void>;
  stop(): Promise<void>;
};

const many = "1000000";

/** Limits that keep one caller from taking everything would be all that is measured. */
const withoutLimits = {
  COS_GATEWAY_CALL_BURST: many,
  COS_GATEWAY_CALL_PER_SECOND: many,
  COS_GATEWAY_TICKET_BURST: many,
  COS_GATEWAY_TICKET_PER_SECOND: many,
  COS_GATEWAY_OBJECT_BURST: many,
  COS_GATEWAY_OBJECT_PER_SECOND: many,
  COS_GATEWAY_SIGN_IN_BURST: many,
  COS_GATEWAY_READ_BUDGET_FACTOR: "100",
};

/** @param people of the dataset; more make larger objects */
export async function raiseStage(
  folder: string,
  { workers, people }: { workers: number; people: number },
): Promise<Stage> {
  const ends = new Unwinder();
  try {
    await chmod(folder, 0o711);
    const running = await startParts(["kafka", "postgres", "redis", "s3"]);
    ends.add(() => running.stop());
    const [missing] = running.missing;
    if (missing !== undefined) throw new Error(`no ${missing.name}: ${missing.reason}`);
    const part = (name: string) => running.env[`COS_PARTS_${name}`] ?? "";
    const s3 = `${part("S3")}/cos`;
    const anvil = await startAnvil({ dataDir: join(folder, "chain") });
    ends.add(() => anvil.stop());
    const fleet = await startFleet({
      folder: join(folder, "fleet"),
      chain: { rpcUrl: anvil.rpcUrl, chainId: anvil.chainId },
      parts: { kafka: part("KAFKA"), postgres: part("POSTGRES"), redis: part("REDIS"), s3 },
      workerRegions: Array.from({ length: workers }, () => "eu"),
      settings: {
        gateway: withoutLimits,
        orchestrator: { COS_ORCHESTRATOR_MAX_OUTSTANDING_PER_GRANTEE: "1000" },
      },
    });
    ends.add(() => fleet.stop());
    const provider = new JsonRpcProvider(anvil.rpcUrl, anvil.chainId, {
      staticNetwork: true,
      cacheTimeout: -1,
    });
    ends.add(async () => provider.destroy());

    const world = join(folder, "world");
    await mkdir(world);
    const platform = await readPlatformFile(fleet.platformFile);
    const [hospital, researcher] = await Promise.all(
      ["hospital", "researcher"].map(async (name) => {
        const party = await newParty(join(world, name), name, platform);
        await ensureIdentity(party.client, party.account);
        ends.add(async () => party.client.close());
        return party;
      }),
    );
    if (hospital === undefined || researcher === undefined) throw new Error("two parties");
    const process = { platform, platformFile: fleet.platformFile } as PlatformProcess;
    const scene = Scene.on(world, process, fleet.folder, [hospital, researcher]);
    const cohort: SmallCohort = await smallCohort(world, { people });
    const { datasetId, dir } = await scene.publish(cohort.files);
    const { grantId } = await scene.grant(datasetId, { maxRuns: 100_000 });
    return {
      fleet,
      scene,
      hospital,
      researcher,
      datasetId,
      datasetDir: dir,
      grantId,
      trait: cohort.trait,
      provider,
      parts: {
        versions: Object.fromEntries(running.parts.map(({ name, version }) => [name, version])),
        env: running.env,
        postgres: part("POSTGRES"),
        s3,
      },
      blocksEachSecond: async () => {
        anvil.release(); // its heartbeat
        await provider.send("evm_setAutomine", [false]);
        await provider.send("evm_setIntervalMining", [1]);
      },
      stop: () => ends.unwind(),
    };
  } catch (cause) {
    await ends.unwind().catch(() => {});
    throw cause;
  }
}
