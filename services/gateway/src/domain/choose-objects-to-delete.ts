import type { Digest } from "@cos/protocol";
import type { VersionObjects } from "./manifest-objects.ts";

/** A version of some dataset that still stands. `keepers`: identity tokens that held the dataset's key. */
export type StandingVersion = { readonly keepers: ReadonlySet<string>; readonly objects: VersionObjects };

export type DeletionQuestion = {
  /** Identity tokens that held the key of the dataset whose versions were superseded. */
  readonly keepers: ReadonlySet<string>;
  /** The superseded versions. */
  readonly superseded: readonly VersionObjects[];
  /** All versions, of any dataset, that stand. */
  readonly standing: readonly StandingVersion[];
  /** Identity tokens that stored an object, the first one first; an object that came another way has none. */
  readonly uploaders: ReadonlyMap<Digest, readonly string[]>;
  /** Blocks that were deleted before: they go again, should a backup have brought them back. */
  readonly withdrawn: ReadonlySet<Digest>;
  /** Whether the whole dataset is gone: then its manifests go too. They describe; they hold nobody's row. */
  readonly wholeDataset: boolean;
};

export type ChosenObjects = {
  /** People's rows. */
  readonly blocks: Digest[];
  /** Axes and manifests; they go last, so that an interrupted deletion can be found and finished. */
  readonly descriptions: Digest[];
  /** How many blocks nobody needs any more but another identity uploaded: an operator has to look. */
  readonly foreign: number;
};

/**
 * Which objects of superseded versions go.
 *
 * A block is people's rows under one key. It stays if a standing version *of a dataset of the identity that uploaded it*
 * names it: a stranger who copies digests into a manifest of his own must neither keep withdrawn people's rows alive nor,
 * by withdrawing, delete somebody else's. The variant axis is shared by many owners: any standing version keeps it, and
 * so does anybody else who uploaded it and may be about to register.
 */
export function chooseObjectsToDelete(question: DeletionQuestion): ChosenObjects {
  const { superseded, uploaders, keepers, standing, withdrawn } = question;
  const keptBlocks = blocksKept(standing, uploaders);
  const keptDescriptions = new Set(standing.flatMap(({ objects: o }) => [o.axis.digest, o.manifest.digest]));
  const uploadersOf = (digest: Digest): readonly string[] => uploaders.get(digest) ?? [];
  // That a stranger calls an uploaded block his axis protects it no more than calling it his block.
  const isDescription = (digest: Digest): boolean =>
    uploadersOf(digest).length === 0 && keptDescriptions.has(digest);

  const rows = new Set(superseded.flatMap((version) => version.blocks.map((b) => b.digest)));
  const spare = [...rows].filter(
    (digest) => withdrawn.has(digest) || !(keptBlocks.has(digest) || isDescription(digest)),
  );
  const blocks = spare.filter((digest) => withdrawn.has(digest) || startedBy(uploadersOf(digest), keepers));
  const descriptions = superseded
    .flatMap((v) => [v.axis.digest, ...(question.wholeDataset ? [v.manifest.digest] : [])])
    .filter((digest) => !keptBlocks.has(digest) && !keptDescriptions.has(digest))
    .filter((digest) => uploadersOf(digest).every((sbt) => keepers.has(sbt)));
  const last = new Set(descriptions);
  return {
    blocks: blocks.filter((digest) => !last.has(digest)),
    descriptions: [...last],
    foreign: spare.length - blocks.length,
  };
}

const startedBy = (uploaders: readonly string[], keepers: ReadonlySet<string>): boolean =>
  uploaders[0] === undefined || keepers.has(uploaders[0]);

function blocksKept(
  standing: readonly StandingVersion[],
  uploaders: ReadonlyMap<Digest, readonly string[]>,
): Set<Digest> {
  const kept = new Set<Digest>();
  for (const { keepers, objects } of standing) {
    for (const { digest } of objects.blocks) {
      if (startedBy(uploaders.get(digest) ?? [], keepers)) kept.add(digest);
    }
  }
  return kept;
}
