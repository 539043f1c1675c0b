import { err, ok, type Result } from "@cos/protocol";
import { parsePosition } from "../coordinates.ts";
import type { BimFamError, FileError } from "../errors.ts";
import type { ContigPolicy } from "../resolve-contig.ts";
import { contigResolver } from "../resolve-contig.ts";
import { textLines } from "../text/text-lines.ts";
import { whitespaceFields } from "../text/whitespace-fields.ts";
import type { Variant } from "../variant.ts";

const MAX_LINE_BYTES = 1 << 20; // long insertions are written out

/**
 * Reads the variants of a .bim file: CHR ID CM BP A1 A2, separated by blanks; CM may be absent, as in PLINK.
 *
 * @errors `BIM_BAD_LINE`, `BIM_BAD_FIELD` (a position that is no whole number of 0..2^31-2, two equal alleles),
 *   `UNKNOWN_CONTIG`, `NO_VARIANTS`, and those of `textLines`
 */
export async function readBim(
  file: string,
  policy: ContigPolicy,
): Promise<Result<Variant[], FileError | BimFamError>> {
  const variants: Variant[] = [];
  const resolve = contigResolver(policy);
  for await (const batch of textLines(file, { maxLineBytes: MAX_LINE_BYTES })) {
    if (!batch.ok) return batch;
    for (const { text, number: line } of batch.value) {
      const fields = whitespaceFields(text);
      if (fields.length === 0) continue;
      const variant = toVariant(file, line, fields, resolve);
      if (!variant.ok) return variant;
      variants.push(variant.value);
    }
  }
  return variants.length === 0 ? err({ code: "NO_VARIANTS", file }) : ok(variants);
}

function toVariant(
  file: string,
  line: number,
  fields: readonly string[],
  resolve: ReturnType<typeof contigResolver>,
): Result<Variant, BimFamError> {
  if (fields.length !== 6 && fields.length !== 5) {
    return err({ code: "BIM_BAD_LINE", file, line, columns: fields.length, expected: "5 or 6" });
  }
  const [contigName, id] = fields as [string, string];
  const [bp, a1, a2] = fields.slice(-3) as [string, string, string];
  if (fields.length === 6 && !Number.isFinite(Number(fields[2]))) {
    return err({ code: "BIM_BAD_FIELD", file, line, field: "centimorgan" });
  }
  const position = parsePosition(bp);
  if (position === undefined) return err({ code: "BIM_BAD_FIELD", file, line, field: "position" });
  if (a1 === a2 && a1 !== "0") return err({ code: "BIM_BAD_FIELD", file, line, field: "allele" });
  const contig = resolve(contigName, position);
  if (!contig.ok) return err({ code: "UNKNOWN_CONTIG", file, line, ...contig.error });
  return ok({ contig: contig.value, position, id, a1, a2 });
}
