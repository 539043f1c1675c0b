/**
 * How many copies of a contig a person carries:
 * `autosome` and `PAR` two; `X` one in males, else two; `Y` one in males, else none; `MT` and `haploid` one.
 */
export type PloidyClass = "autosome" | "X" | "PAR" | "Y" | "MT" | "haploid";

/** One chromosome as PLINK 1.9 knows it. */
export interface Contig {
  /** PLINK's numeric code; null for a contig outside the species' table. */
  readonly code: number | null;
  /** What PLINK prints in the column CHR: the code, or the name where there is none. */
  readonly label: string;
  /** The usual name: "1", "X", "MT"; "0" means unplaced. */
  readonly name: string;
  readonly ploidyClass: PloidyClass;
}

export interface Species {
  readonly name: SpeciesName;
  readonly contigs: readonly Contig[];
}

export const SPECIES_NAMES = ["human", "mouse", "cow", "dog", "horse", "rice", "sheep"] as const;
export type SpeciesName = (typeof SPECIES_NAMES)[number];

type Extra = Partial<Record<"X" | "Y" | "XY" | "MT", number>>;

const CLASS_OF: Record<keyof Extra, PloidyClass> = { X: "X", Y: "Y", XY: "PAR", MT: "MT" };

function species(
  name: SpeciesName,
  numbered: number,
  extra: Extra,
  numberedClass: PloidyClass = "autosome",
): Species {
  const contig = (code: number, contigName: string, ploidyClass: PloidyClass): Contig => ({
    code,
    label: String(code),
    name: contigName,
    ploidyClass,
  });
  return {
    name,
    contigs: [
      contig(0, "0", "autosome"), // unplaced: PLINK counts it as diploid
      ...Array.from({ length: numbered }, (_, i) => contig(i + 1, String(i + 1), numberedClass)),
      ...(["X", "Y", "XY", "MT"] as const)
        .filter((key) => extra[key] !== undefined)
        .map((key) => contig(extra[key]!, key, CLASS_OF[key])),
    ],
  };
}

/**
 * PLINK 1.9's chromosome sets, checked against the program (v1.90b6.26): which names it takes and the code it prints.
 * Mouse, horse and sheep have neither XY nor MT there, cow has no XY, rice is haploid throughout.
 */
export const SPECIES: Readonly<Record<SpeciesName, Species>> = {
  human: species("human", 22, { X: 23, Y: 24, XY: 25, MT: 26 }),
  mouse: species("mouse", 19, { X: 20, Y: 21 }),
  cow: species("cow", 29, { X: 30, Y: 31, MT: 33 }),
  dog: species("dog", 38, { X: 39, Y: 40, XY: 41, MT: 42 }),
  horse: species("horse", 31, { X: 32, Y: 33 }),
  rice: species("rice", 12, {}, "haploid"),
  sheep: species("sheep", 26, { X: 27, Y: 28 }),
};

/**
 * Finds a chromosome by code or name, as PLINK does: any case, with or without "chr", leading zeros ignored, M for MT.
 *
 * @returns undefined for a contig that the species' table does not hold
 */
export function findContig(table: Species, text: string): Contig | undefined {
  const bare = text.replace(/^chr/i, "");
  if (/^\d{1,3}$/.test(bare)) return table.contigs.find((contig) => contig.code === Number(bare));
  const name = bare.toUpperCase() === "M" ? "MT" : bare.toUpperCase();
  return table.contigs.find((contig) => contig.name === name);
}

/** A contig outside the table, kept under its own name and counted as diploid, as PLINK's --allow-extra-chr does. */
export function extraContig(name: string): Contig {
  return { code: null, label: name, name, ploidyClass: "autosome" };
}

export type HumanAssembly = "NCBI36" | "GRCh37" | "GRCh38";

/** The last base of PAR1 and the first base of PAR2 on the human X, as PLINK's --split-x has them. */
export const HUMAN_X_PAR: Readonly<Record<HumanAssembly, { par1End: number; par2Start: number }>> = {
  NCBI36: { par1End: 2_709_521, par2Start: 154_584_237 },
  GRCh37: { par1End: 2_699_520, par2Start: 154_931_044 },
  GRCh38: { par1End: 2_781_479, par2Start: 155_701_383 },
};

/**
 * Moves a human X variant of a pseudo-autosomal region to the contig XY (code 25), as `plink --split-x` does.
 *
 * @param position 1-based; 0 (unknown) stays on X
 */
export function splitPseudoAutosomal(
  table: Species,
  contig: Contig,
  position: number,
  assembly: HumanAssembly,
): Contig {
  if (table.name !== "human" || contig.ploidyClass !== "X" || position === 0) return contig;
  const { par1End, par2Start } = HUMAN_X_PAR[assembly];
  if (position > par1End && position < par2Start) return contig;
  return table.contigs.find((candidate) => candidate.ploidyClass === "PAR") ?? contig;
}
