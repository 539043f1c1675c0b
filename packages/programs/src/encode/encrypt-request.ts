import type { BlockLabel, DatasetKey } from "@cos/fhe";
import type { GenomicsError, GenotypeSource, Trait as PhenotypeTrait } from "@cos/genomics";
import type { Digest, Manifest, ManifestError, ObjectRef } from "@cos/protocol";
import type { AlignError } from "./align-traits.ts";
import type { ObjectSink, Progress } from "./block-queue.ts";
import type { DescribeError } from "./describe-arrays.ts";
import type { LayoutName } from "./layout.ts";
import type { OwnerState } from "./owner-state.ts";

export type EncryptError =
  | GenomicsError
  /** Fewer published rows than people. Counts only go to the owner. */
  | { code: "ROW_PADDING_TOO_SMALL"; rowsPadded: number; people: number }
  /** Characters that a manifest does not take in a name. */
  | { code: "TRAIT_NAME_UNSUPPORTED"; trait: string }
  | { code: "TRAIT_TWICE"; trait: string }
  | AlignError
  | DescribeError
  /** New people must be typed at exactly the dataset's variants, in its order and orientation. */
  | { code: "VARIANT_AXIS_MISMATCH"; expected: Digest; actual: Digest }
  | { code: "SEGMENT_TWICE"; segment: string }
  /** A name, code or assembly that a manifest cannot hold: said before anything is encrypted. */
  | ManifestError
  /** A variant that an axis cannot hold, e.g. an allele of more than 10,000 bases; `variant` counts from 0. */
  | { code: "VARIANT_UNSUPPORTED"; variant: number; field: string }
  /** The key is not the dataset's. */
  | { code: "CONTEXT_MISMATCH"; expected: string; actual: string };

export type SegmentRequest = {
  source: GenotypeSource;
  /** Aligned to the source's samples. */
  traits: readonly PhenotypeTrait[];
  /** Name of the new segment; default `s1`, `s2`, ... */
  segment?: string;
  site: string;
  consentClass: string[];
  /** Published row count; default the next multiple of 50 above the people. */
  rowsPadded?: number;
};

export type EncryptRequest = SegmentRequest & {
  assembly: string;
  key: DatasetKey;
  /** Layouts to publish that any trait can be used with; default those that the traits need, `allele-counts` when there are none. */
  layouts?: readonly LayoutName[];
  /** Case/control traits to fix into genotypes of their own, beside those layouts: a test of them is one sum. */
  fixTraits?: readonly string[];
  sink: ObjectSink;
  /** Unix seconds. */
  effectiveAt: number;
  /** Threads that encrypt; default one per core. */
  threads?: number;
  onProgress?: Progress;
  checkpoint?: Checkpoint;
};

/** Where an encryption that may be interrupted keeps what a later run needs to go on. */
export type Checkpoint = {
  /** What an interrupted run drew, for the same source, traits and choices; the caller saw to that. */
  draft?: DatasetVersion;
  /** Keeps what was drawn before anything is encrypted. Secret: it says who sits in which row. */
  keep(draft: DatasetVersion): Promise<void>;
  /** A block that is stored whole; undefined has it encrypted, always under a new seed. */
  finished(label: BlockLabel): ObjectRef | undefined;
};

/** What encrypting any segment needs besides the people. */
export type EncryptShared = Pick<
  EncryptRequest,
  "key" | "sink" | "effectiveAt" | "threads" | "onProgress" | "checkpoint"
>;

/** A version of a dataset: what is published, and what the owner keeps. */
export type DatasetVersion = { manifest: Manifest; ownerState: OwnerState };
