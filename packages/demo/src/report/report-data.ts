import type { LeftWhere } from "../left/field-sightings.ts";

/** Everything that `report.html` shows. Plain values: the page is a pure function of this. */
export interface ReportData {
  readonly title: string;
  /** Shown in words: simulated cohorts are never passed off as real ones. */
  readonly cohort: {
    readonly source: string;
    readonly simulated: boolean;
    readonly species: string;
    readonly people: number;
    /** Cases and controls for a binary trait; people with a value for a quantitative one. */
    readonly groups: readonly { readonly label: string; readonly people: number }[];
    readonly variants: number;
    /** Called alleles over possible alleles, 0 to 1. */
    readonly callRate: number;
  };
  readonly trait: { readonly name: string; readonly kind: "binary" | "quantitative" };
  readonly program: { readonly name: string; readonly algorithmId: string };
  readonly points: readonly AssociationPoint[];
  /** Genomic inflation factor: median chi-square over 0.4549 (Devlin & Roeder 1999). */
  readonly lambda: number | null;
  readonly topLoci: readonly TopLocus[];
  /** How the opened counts compare with the independent plaintext path. */
  readonly check: {
    readonly equal: boolean;
    readonly countsCompared: number;
    readonly statisticsCompared: number;
  };
  readonly release: {
    readonly class: string;
    readonly released: number;
    /** SHA-256 of the table that the researcher opened; undefined when nothing was released. */
    readonly tableDigest: string | undefined;
    /** Why the policy released nothing. */
    readonly refusal: string | undefined;
    readonly suppressed: readonly { readonly reason: string; readonly rows: number }[];
  };
  readonly money: readonly { readonly who: string; readonly what: string; readonly amount: string }[];
  readonly audit: readonly AuditRow[];
  readonly stages: readonly {
    readonly actor: string;
    readonly name: string;
    readonly seconds: number;
    readonly bytes: number | null;
  }[];
  readonly left: readonly LeftRow[];
  /** What was read to find out what left: blocks, objects, rows, messages, lines. */
  readonly leftSources: readonly string[];
  readonly methods: readonly string[];
  readonly plaintextSeconds: number;
  readonly totalSeconds: number;
  readonly peakMemoryBytes: number;
}

export interface AssociationPoint {
  readonly contig: string;
  /** 1-based. */
  readonly position: number;
  /** Null where the test is not defined (a marker with one allele, say). */
  readonly p: number | null;
}

export interface TopLocus {
  readonly id: string;
  readonly contig: string;
  readonly position: number;
  readonly effect: string;
  readonly statistic: string;
  readonly p: string;
  readonly planted: boolean;
}

export interface AuditRow {
  readonly step: string;
  readonly actor: string;
  readonly event: string;
  readonly blockNumber: number;
  readonly blockTime: number;
  readonly transactionHash: string;
}

/** One field that left the hospital. */
export interface LeftRow {
  readonly where: LeftWhere;
  readonly field: string;
  /** Messages, tables, files or log lines that it was seen in. */
  readonly places: readonly string[];
  readonly meaning: string;
  readonly seenBy: string;
  readonly erase: string;
}
