import { type AlgorithmId, canonicalJson, digestOfJson, err, ok, type Result } from "@cos/protocol";
import { z } from "zod";

const identifier = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);
const integerText = z.string().regex(/^(0|[1-9][0-9]{0,38})$/);
const factor = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}\.[A-Za-z][A-Za-z0-9_-]{0,63}$/);

/** Quantity -> largest code that the program is written for. A dataset whose codes may be larger is refused. */
const quantities = z.record(identifier, integerText);

export const programSchema = z.strictObject({
  format: z.literal("cos-program/1"),
  name: identifier,
  version: z.string().regex(/^\d{1,4}\.\d{1,4}\.\d{1,4}$/),
  title: z.string().min(1).max(200),
  /** What a permit fills in. A trait parameter names an entry of the data dictionary. */
  parameters: z.record(
    identifier,
    z.strictObject({ kind: z.literal("trait"), traitKind: z.enum(["binary", "quantitative"]) }),
  ),
  inputs: z.record(
    identifier,
    z.union([
      /** The genotypes `[sample, variant]`. */
      z.strictObject({ array: z.literal("genotypes"), quantities }),
      /** A trait `[sample]`: the owner's own values, the only weights along the sample axis that there are. */
      z.strictObject({ trait: identifier, quantities }),
    ]),
  ),
  /** Encrypted sums over the sample axis of a product of inputs, e.g. `["G.alleles", "y.case"]`. */
  sums: z
    .array(
      z.strictObject({
        name: identifier,
        over: z.literal("sample"),
        product: z.array(factor).min(1).max(8),
      }),
    )
    .min(1)
    .max(64),
  /** `runs`: long cohorts are summed in runs that fit, the owner adds them; `whole`: one sum over everybody. */
  partition: z.enum(["runs", "whole"]),
  /** Release rule: the class of DESIGN.md section 9 that the program is written for. */
  release: z.strictObject({ class: z.enum(["controlled", "open-deposit", "lead-loci"]) }),
  finaliser: z.strictObject({ name: identifier, version: z.int().min(1).max(1_000) }),
});
/** The contractions and the finaliser of an algorithm, as data. */
export type Program = z.infer<typeof programSchema>;

export type ProgramError =
  /** Not JSON in UTF-8, too large, or a field that does not fit the schema. */
  | { code: "PROGRAM_MALFORMED"; field: string; detail: string }
  /** The text is not the canonical form of its own value, so its digest would name something else. */
  | { code: "PROGRAM_NOT_CANONICAL" }
  /** A sum names an input, quantity or parameter that the program does not declare, or a name is used twice. */
  | { code: "PROGRAM_UNKNOWN_NAME"; where: string; name: string }
  /** More than two factors: there is no relinearisation, products stay at degree 2. */
  | { code: "PROGRAM_DEGREE_TOO_HIGH"; sum: string; factors: number; maxFactors: 2 }
  /** Two factors along the packed axis: a coefficient-packed product of both would be a convolution. */
  | { code: "PROGRAM_TWO_VARIANT_FACTORS"; sum: string };

const maxProgramBytes = 256 * 1024;

/** `keccak256` of the canonical JSON: what `AlgorithmRegistry` and permits name. */
export const algorithmIdOf = (program: Program): AlgorithmId => digestOfJson(program) as AlgorithmId;

/** The bytes that are stored and registered. */
export const programBytes = (program: Program): Uint8Array =>
  new TextEncoder().encode(canonicalJson(program));

/** Reads a program of unknown origin. */
export function parseProgram(bytes: Uint8Array): Result<Program, ProgramError> {
  if (bytes.length > maxProgramBytes) {
    return err({ code: "PROGRAM_MALFORMED", field: "", detail: `more than ${maxProgramBytes} bytes` });
  }
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return err({ code: "PROGRAM_MALFORMED", field: "", detail: "not JSON in UTF-8" });
  }
  const program = checkProgram(value);
  if (program.ok && canonicalJson(program.value) !== text) return err({ code: "PROGRAM_NOT_CANONICAL" });
  return program;
}

/** Shape, and the relations between names that need no dataset. */
export function checkProgram(value: unknown): Result<Program, ProgramError> {
  const parsed = programSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return err({
      code: "PROGRAM_MALFORMED",
      field: issue?.path.join(".") ?? "",
      detail: issue?.message ?? "malformed",
    });
  }
  const program = parsed.data;
  for (const [name, input] of Object.entries(program.inputs)) {
    if ("trait" in input && !Object.hasOwn(program.parameters, input.trait)) {
      return err({ code: "PROGRAM_UNKNOWN_NAME", where: `inputs.${name}`, name: input.trait });
    }
  }
  const names = new Set<string>();
  for (const sum of program.sums) {
    if (names.has(sum.name)) return err({ code: "PROGRAM_UNKNOWN_NAME", where: "sums", name: sum.name });
    names.add(sum.name);
    const fault = checkSum(program, sum);
    if (fault !== undefined) return err(fault);
  }
  return ok(program);
}

function checkSum(program: Program, sum: Program["sums"][number]): ProgramError | undefined {
  if (sum.product.length > 2) {
    return { code: "PROGRAM_DEGREE_TOO_HIGH", sum: sum.name, factors: sum.product.length, maxFactors: 2 };
  }
  let variantFactors = 0;
  for (const text of sum.product) {
    const [inputName, quantity] = splitFactor(text);
    const input = Object.hasOwn(program.inputs, inputName) ? program.inputs[inputName] : undefined;
    if (input === undefined || !Object.hasOwn(input.quantities, quantity)) {
      return { code: "PROGRAM_UNKNOWN_NAME", where: `sums.${sum.name}`, name: text };
    }
    if ("array" in input) variantFactors += 1;
  }
  return variantFactors > 1 ? { code: "PROGRAM_TWO_VARIANT_FACTORS", sum: sum.name } : undefined;
}

/** `G.alleles` -> input and quantity. */
export const splitFactor = (text: string): [input: string, quantity: string] =>
  text.split(".") as [string, string];
