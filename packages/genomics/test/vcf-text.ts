import { unwrap } from "@cos/protocol";
import { type GenotypeSource, HET, HOM_A1, HOM_A2, MISSING } from "../src/index.ts";

const HEADER = "##fileformat=VCFv4.2";
const COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT";

/** A VCF of the given data lines, written with blanks for tabs. */
export function vcf(
  samples: readonly string[],
  lines: readonly string[],
  header: readonly string[] = [],
): string {
  const body = lines.map((line) => line.split(/ +/).join("\t"));
  return `${[HEADER, ...header, [COLUMNS, ...samples].join("\t"), ...body].join("\n")}\n`;
}

const GT: Readonly<Record<number, string>> = {
  [HOM_A1]: "1/1",
  [HET]: "0|1",
  [HOM_A2]: "0/0",
  [MISSING]: "./.",
};

/** The same calls as a VCF: A1 is ALT, A2 is REF. */
export async function vcfOf(source: GenotypeSource): Promise<string> {
  const { codes, samples } = unwrap(await source.readCalls(0, source.variants.length));
  const lines = source.variants.map(({ contig, position, id, a1, a2 }, v) => {
    const calls = Array.from(codes.subarray(v * samples, (v + 1) * samples), (code) => GT[code]);
    return [contig.name, position, id, a2, a1, ".", "PASS", "AC=1,2;DB", "GT", ...calls].join(" ");
  });
  return vcf(
    source.samples.map(({ id }) => id),
    lines,
  );
}
