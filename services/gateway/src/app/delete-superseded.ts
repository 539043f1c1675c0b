import { objectKey } from "@cos/objects";
import type { Digest } from "@cos/protocol";
import {
  foldDataset,
  type MirroredDataset,
  type MirroredVersion,
  standingVersions,
} from "../domain/chain-facts.ts";
import { chooseObjectsToDelete, type StandingVersion } from "../domain/choose-objects-to-delete.ts";
import { type Claim, firstClaimants } from "../domain/first-claimants.ts";
import { manifestObjects, type VersionObjects } from "../domain/manifest-objects.ts";
import type { Dependencies } from "./dependencies.ts";
import { loadManifest } from "./load-manifest.ts";
import type { DeletionId } from "./repositories.ts";

type Deps = Pick<Dependencies, "db" | "repositories" | "objects" | "logger">;

/**
 * Deletes from the store what only superseded versions of a dataset name, so that withdrawn people's rows are gone.
 *
 * Nothing is deleted before the version that supersedes is loaded and holds against the chain: a withdrawal whose new
 * manifest cannot be read waits. Rows are marked as never to come back before they are deleted, so that an upload that
 * runs meanwhile cannot restore them. Every step may be repeated; an interrupted deletion is found and finished at the next
 * call or the next start.
 */
export class DeleteSuperseded {
  readonly #deps: Deps;
  #running: Promise<void> = Promise.resolve();
  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Works through deletions one after the other. @param which `all` checks finished ones again, as at a start */
  run(which: "pending" | "all"): Promise<void> {
    const next = this.#running.then(() => this.#runAll(which));
    this.#running = next.catch(() => {});
    return next;
  }

  async #runAll(which: "pending" | "all"): Promise<void> {
    const { db, repositories } = this.#deps;
    const deletions = await repositories.deletions.list(db, which);
    if (deletions.length === 0) return;
    const logs = await repositories.facts.ofAllDatasets(db);
    const datasets = new Map([...logs].map(([id, facts]) => [id, foldDataset(id, facts)]));
    let standing: Promise<ReadVersion[]> | undefined;
    const readStanding = () => {
      standing ??= this.#standing([...datasets.values()]);
      return standing;
    };
    for (const deletion of deletions) {
      await this.#delete(deletion, datasets.get(deletion.datasetId), readStanding);
    }
  }

  async #delete(
    deletion: DeletionId,
    dataset: MirroredDataset | undefined,
    readStanding: () => Promise<ReadVersion[]>,
  ): Promise<void> {
    const { db, repositories, logger } = this.#deps;
    const { datasetId, barrier } = deletion;
    if (dataset === undefined || !(await this.#isReady(dataset, barrier))) {
      return logger.warn("deletion.waiting", { datasetId, version: barrier });
    }
    const read = await this.#superseded(dataset, barrier);
    const standing = await readStanding();
    const superseded = read.map(({ objects }) => objects);
    const named = superseded.flatMap((v) => [v.manifest, v.axis, ...v.blocks]).map((ref) => ref.digest);
    const { blocks, descriptions, foreign } = chooseObjectsToDelete({
      keepers: dataset.keepers,
      superseded,
      standing,
      uploaders: await this.#uploadersOf(superseded, [...read, ...standing]),
      withdrawn: await repositories.uploads.withdrawnAmong(db, named),
      wholeDataset: barrier === 0,
    });
    await inBatches(blocks, (batch) =>
      db.inTransaction((tx) => repositories.uploads.markWithdrawn(tx, batch)),
    );
    const count = await this.#erase([...blocks, ...descriptions]);
    await repositories.deletions.finish(db, deletion, count);
    if (foreign > 0) logger.warn("deletion.foreign-blocks", { datasetId, version: barrier, count: foreign });
    if (count > 0) logger.info("deletion.done", { datasetId, version: barrier, count });
  }

  /** The chain says so by this service's own mirror too, and the version that supersedes can be read. */
  async #isReady(dataset: MirroredDataset, barrier: number): Promise<boolean> {
    if (barrier === 0) return dataset.withdrawn;
    const version = dataset.versions.find((v) => v.version === barrier);
    return version !== undefined && (await this.#objectsOf(version)) !== undefined;
  }

  /**
   * Who stored the objects of superseded versions. Where tables were lost nobody remembers it: a block is then theirs who
   * named it first on the chain.
   */
  async #uploadersOf(
    superseded: readonly VersionObjects[],
    claims: readonly ReadVersion[],
  ): Promise<ReadonlyMap<Digest, readonly string[]>> {
    const { db, repositories } = this.#deps;
    const named = superseded.flatMap((v) => [v.manifest, v.axis, ...v.blocks]).map((ref) => ref.digest);
    const uploaders = new Map<Digest, readonly string[]>(await repositories.uploads.uploadersOf(db, named));
    const first = firstClaimants(claims);
    const descriptions = new Set(superseded.flatMap((v) => [v.manifest.digest, v.axis.digest]));
    for (const digest of named) {
      const claimant = first.get(digest);
      if (claimant !== undefined && !uploaders.has(digest) && !descriptions.has(digest)) {
        uploaders.set(digest, [claimant]);
      }
    }
    return uploaders;
  }

  /** What still stands, of every dataset. A manifest that cannot be read, or is not what was committed to, keeps nothing. */
  async #standing(datasets: readonly MirroredDataset[]): Promise<ReadVersion[]> {
    const standing: ReadVersion[] = [];
    for (const dataset of datasets) {
      for (const version of standingVersions(dataset)) {
        const objects = await this.#objectsOf(version);
        if (objects !== undefined) standing.push(readVersion(dataset, version, objects));
      }
    }
    return standing;
  }

  async #superseded(dataset: MirroredDataset, barrier: number): Promise<ReadVersion[]> {
    const { datasetId, versions } = dataset;
    const superseded: ReadVersion[] = [];
    for (const version of versions.filter((v) => barrier === 0 || v.version < barrier)) {
      const objects = await this.#objectsOf(version);
      if (objects !== undefined) superseded.push(readVersion(dataset, version, objects));
      else this.#deps.logger.warn("deletion.manifest-missing", { datasetId, version: version.version });
    }
    return superseded;
  }

  async #objectsOf(version: MirroredVersion): Promise<VersionObjects | undefined> {
    const loaded = await loadManifest(this.#deps.objects, version);
    return loaded.ok ? manifestObjects(loaded.value.manifest, loaded.value.object, "owner") : undefined;
  }

  /** @returns how many were there */
  async #erase(digests: readonly Digest[]): Promise<number> {
    const { db, repositories, objects } = this.#deps;
    let count = 0;
    await inBatches(digests, async (batch) => {
      for (const digest of batch) {
        if ((await objects.head(objectKey(digest))).ok) count += 1;
        await objects.delete(objectKey(digest));
      }
      await db.inTransaction((tx) => repositories.uploads.forget(tx, batch));
    });
    return count;
  }
}

/** A version whose manifest was read, as what stands and as a claim to what it names. */
type ReadVersion = StandingVersion & Claim;

const readVersion = (
  { keepers }: MirroredDataset,
  { rank }: MirroredVersion,
  objects: VersionObjects,
): ReadVersion => ({ keepers, objects, rank, registrant: [...keepers][0] });

async function inBatches<T>(
  items: readonly T[],
  work: (batch: readonly T[]) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += 500) await work(items.slice(at, at + 500));
}
