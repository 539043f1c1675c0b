import { err, ok, type Result } from "@cos/protocol";
import type { BimFamError, FileError } from "../errors.ts";
import { type Sample, type Sex, sampleKey } from "../sample.ts";
import { textLines } from "../text/text-lines.ts";
import { whitespaceFields } from "../text/whitespace-fields.ts";

const MAX_LINE_BYTES = 1 << 16;

/** As in PLINK: 1 male, 2 female, anything else unknown. */
const toSex = (code: string): Sex => (code === "1" ? "male" : code === "2" ? "female" : "unknown");

/**
 * Reads the people of a .fam file: FID IID PAT MAT SEX PHENOTYPE, separated by blanks. The sixth column is not used:
 * phenotypes come from a file of their own.
 *
 * @errors `FAM_BAD_LINE` (not six columns), `FAM_BAD_FIELD` (an IID of 0),
 *   `DUPLICATE_SAMPLE`, `NO_SAMPLES`, and those of `textLines`
 */
export async function readFam(file: string): Promise<Result<Sample[], FileError | BimFamError>> {
  const samples: Sample[] = [];
  const firstLines = new Map<string, number>();
  for await (const batch of textLines(file, { maxLineBytes: MAX_LINE_BYTES })) {
    if (!batch.ok) return batch;
    for (const { text, number: line } of batch.value) {
      const fields = whitespaceFields(text);
      if (fields.length === 0) continue;
      const sample = toSample(file, line, fields);
      if (!sample.ok) return sample;
      const firstLine = firstLines.get(sampleKey(sample.value));
      if (firstLine !== undefined) return err({ code: "DUPLICATE_SAMPLE", file, line, firstLine });
      firstLines.set(sampleKey(sample.value), line);
      samples.push(sample.value);
    }
  }
  return samples.length === 0 ? err({ code: "NO_SAMPLES", file }) : ok(samples);
}

function toSample(file: string, line: number, fields: readonly string[]): Result<Sample, BimFamError> {
  const [familyId, id, father, mother, sexCode] = fields;
  if (fields.length !== 6 || !familyId || !id || !father || !mother || !sexCode) {
    return err({ code: "FAM_BAD_LINE", file, line, columns: fields.length, expected: "6" });
  }
  if (id === "0") return err({ code: "FAM_BAD_FIELD", file, line, field: "id" });
  return ok({ familyId, id, sex: toSex(sexCode), founder: father === "0" && mother === "0" });
}
