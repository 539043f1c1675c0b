import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type EngineSetting, engineSettings } from "@cos/programs";
import { err, ok, type Result } from "@cos/protocol";

export type DemoEngine = EngineSetting | "both";

/** What `npm run demo` was asked for. */
export interface DemoOptions {
  /** The user's files; undefined simulates a cohort. */
  readonly files: UserFiles | undefined;
  readonly simulation: {
    readonly people: number;
    readonly variants: number;
    readonly chromosomes: number;
    readonly seed: number;
  };
  readonly species: string;
  readonly assembly: string;
  /** Name of a built-in program; recognised from the trait when left out. */
  readonly program: string | undefined;
  /** What the workers compute with; `both`: one with native code and one with wasm, who have to agree on every byte. */
  readonly engine: DemoEngine;
  readonly out: string;
  /** Nobody pays anything. */
  readonly free: boolean;
  /** Leave keys, ciphertexts, chain and logs under `OUT/work`. */
  readonly keepWork: boolean;
}

export interface UserFiles {
  readonly bfile?: string;
  readonly vcf?: string;
  readonly pheno: string;
  readonly phenoName: string;
  readonly sexName?: string;
  readonly unmatched?: "refuse" | "missing";
  readonly halfCalls?: "refuse" | "missing";
  readonly multiallelic?: "split" | "refuse";
  readonly unknownContigs?: "refuse" | "keep";
}

export const demoUsage = `Usage: npm run demo -- [options]

Without files a cohort is simulated: 1,000 people, 20,000 variants on ten chromosomes, three planted loci.

  --bfile PREFIX         genotypes as PLINK 1 .bed/.bim/.fam
  --vcf FILE             or as a VCF, plain or bgzipped
  --pheno FILE           phenotypes, one row a person, with a header
  --pheno-name NAME      the column to study; its kind is recognised from its values
  --species NAME         names the chromosome codes (default human)
  --assembly NAME        written into the manifest (default GRCh38 for simulated people, else unstated)
  --program NAME         allelic-association or linear-regression, instead of recognising the trait
  --out DIR              where the report goes (default out/demo)
  --unknown-contigs X    refuse (default) or keep contigs outside the species' table (as cos: --extra-contigs)
  --unmatched X          refuse (default), or take people that only one file names as missing
  --half-calls X         refuse half-missing calls of a VCF, or take them as missing (default)
  --multiallelic X       split (default) or refuse records with several ALT alleles
  --sex-name NAME        column of the phenotype file that holds sexes
  --people N, --variants N, --chromosomes N, --seed N   another simulated cohort
  --engine NAME          native or wasm; auto (default, or COS_FHE_ENGINE) takes native code where it was compiled;
                         both: one worker with each, who have to agree on every byte of the result
  --free                 no fee is asked for or paid
  --keep-work            leave keys, ciphertexts, chain and logs under DIR/work
`;

export type OptionsError = { readonly code: "BAD_OPTIONS"; readonly message: string };

const choices = {
  unmatched: ["refuse", "missing"],
  "half-calls": ["refuse", "missing"],
  multiallelic: ["split", "refuse"],
  "unknown-contigs": ["refuse", "keep"],
  "extra-contigs": ["refuse", "keep"],
  engine: [...engineSettings, "both"],
} as const;

/**
 * Reads the command line.
 *
 * @param cwd what relative paths start from: where the user typed the command, not where npm runs the script
 * @param engine what computes when the command line does not say
 * @returns undefined when help was asked for
 */
export function parseDemoOptions(
  args: readonly string[],
  cwd: string,
  engine = "auto",
): Result<DemoOptions | undefined, OptionsError> {
  const read = readArgs(args, engine);
  if (!read.ok) return read;
  const values = read.value;
  if (values.help === true) return ok(undefined);
  for (const [name, allowed] of Object.entries(choices)) {
    const value = values[name as keyof typeof choices];
    if (value !== undefined && !(allowed as readonly string[]).includes(value)) {
      return bad(`--${name} is ${allowed.join(" or ")}`);
    }
  }
  const files = userFiles(values, cwd);
  if (!files.ok) return files;
  const numbers = {
    people: Number(values.people),
    variants: Number(values.variants),
    chromosomes: Number(values.chromosomes),
    seed: Number(values.seed),
  };
  const least = { people: 250, variants: 22, chromosomes: 3, seed: 0 };
  for (const [name, value] of Object.entries(numbers)) {
    const from = least[name as keyof typeof least];
    if (!Number.isInteger(value) || value < from) return bad(`--${name} is a whole number from ${from} on`);
  }
  if (numbers.chromosomes > 22) return bad("--chromosomes is 22 at most: the human autosomes");
  return ok({
    files: files.value,
    simulation: numbers,
    species: values.species,
    assembly: values.assembly ?? (files.value === undefined ? "GRCh38" : "unstated"),
    program: values.program,
    engine: values.engine as DemoEngine,
    out: resolve(cwd, values.out),
    free: values.free === true,
    keepWork: values["keep-work"] === true,
  });
}

const bad = (message: string): Result<never, OptionsError> => err({ code: "BAD_OPTIONS", message });

function readArgs(args: readonly string[], engine: string) {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        bfile: text,
        vcf: text,
        pheno: text,
        "pheno-name": text,
        "sex-name": text,
        unmatched: text,
        "half-calls": text,
        multiallelic: text,
        "unknown-contigs": text,
        "extra-contigs": text,
        species: { ...text, default: "human" },
        assembly: text,
        program: text,
        engine: { ...text, default: engine },
        out: { ...text, default: "out/demo" },
        people: { ...text, default: "1000" },
        variants: { ...text, default: "20000" },
        chromosomes: { ...text, default: "10" },
        seed: { ...text, default: "1" },
        free: flag,
        "keep-work": flag,
        help: flag,
      },
    });
    return ok(values);
  } catch (cause) {
    return bad(cause instanceof Error ? cause.message : String(cause));
  }
}

type Values = Extract<ReturnType<typeof readArgs>, { ok: true }>["value"];

function userFiles(values: Values, cwd: string): Result<UserFiles | undefined, OptionsError> {
  const { bfile, vcf, pheno, "pheno-name": phenoName } = values;
  if (bfile === undefined && vcf === undefined) {
    if (pheno === undefined && phenoName === undefined) return ok(undefined);
    return bad("--pheno needs genotypes: --bfile PREFIX or --vcf FILE");
  }
  if (bfile !== undefined && vcf !== undefined) return bad("give either --bfile or --vcf");
  if (pheno === undefined || phenoName === undefined) {
    return bad("genotypes need phenotypes: --pheno FILE --pheno-name NAME");
  }
  return ok({
    ...(bfile === undefined ? {} : { bfile: resolve(cwd, bfile) }),
    ...(vcf === undefined ? {} : { vcf: resolve(cwd, vcf) }),
    pheno: resolve(cwd, pheno),
    phenoName,
    ...(values["sex-name"] === undefined ? {} : { sexName: values["sex-name"] }),
    ...chosen("unmatched", values.unmatched),
    ...chosen("halfCalls", values["half-calls"]),
    ...chosen("multiallelic", values.multiallelic),
    ...chosen("unknownContigs", values["unknown-contigs"] ?? values["extra-contigs"]),
  } as UserFiles);
}

const chosen = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value });
