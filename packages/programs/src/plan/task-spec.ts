import { digestSchema, err, objectRefSchema, ok, type Result } from "@cos/protocol";
import { z } from "zod";
import type { TaskSpec } from "./plan.ts";

const index = z.int().min(0).max(0xffff_ffff);
const name = z.string().min(1).max(128);
const ciphertext = z.strictObject({ array: name, ciphertext: z.int().min(0).max(255) });
const estimate = z.strictObject({ inputBytes: z.number(), outputBytes: z.number(), cost: z.number() });

const evaluateTaskSchema = z.strictObject({
  kind: z.literal("evaluate"),
  index,
  dataset: index,
  context: index,
  carrier: name,
  contractions: z.array(index).min(1).max(4_096),
  rowBlocks: z
    .array(
      z.strictObject({
        segment: name,
        rowBlock: index,
        rows: z.int().min(1).max(1_000_000),
        pieces: z.array(z.strictObject({ run: index, first: index, count: z.int().min(1) })).min(1),
        weights: z.array(z.strictObject({ array: name, object: objectRefSchema })).max(1_024),
      }),
    )
    .min(1)
    .max(1_000_000),
  variantBlocks: z
    .array(z.strictObject({ index, blocks: z.array(objectRefSchema).max(1_000_000) }))
    .min(1)
    .max(1_000_000),
  estimate,
});

const taskSpecSchema = z
  .strictObject({
    taskId: digestSchema,
    planDigest: digestSchema,
    task: z.union([
      evaluateTaskSchema,
      z.strictObject({ kind: z.literal("reduce"), index, inputs: z.array(index).max(1_000_000), estimate }),
    ]),
    contexts: z
      .array(z.strictObject({ profile: name, parameterDigest: digestSchema, contextDigest: digestSchema }))
      .min(1)
      .max(1_024),
    contractions: z
      .array(
        z.strictObject({
          index,
          dataset: index,
          context: index,
          carrier: ciphertext,
          weight: ciphertext.nullable(),
          degree: z.union([z.literal(1), z.literal(2)]),
        }),
      )
      .max(100_000),
  })
  .refine(({ contexts, contractions, task }) => {
    const numbersFit =
      contractions.every((c, i) => c.index === i && c.context < contexts.length) &&
      (task.kind === "reduce" ||
        (task.context < contexts.length &&
          task.contractions.every((c) => c < contractions.length) &&
          task.variantBlocks.every((v) => v.blocks.length === task.rowBlocks.length) &&
          task.rowBlocks.every((b) => b.pieces.every((p) => p.first + p.count <= b.rows))));
    return numbersFit;
  }, "numbers that point nowhere");

const maxSpecBytes = 64 * 2 ** 20;

/** A task for the wire. */
export const taskSpecBytes = (spec: TaskSpec): Uint8Array => new TextEncoder().encode(JSON.stringify(spec));

/** Reads a task from the wire. @errors `TASK_MALFORMED` with the field */
export function parseTaskSpec(
  bytes: Uint8Array,
): Result<TaskSpec, { code: "TASK_MALFORMED"; field: string; detail: string }> {
  if (bytes.length > maxSpecBytes) return err({ code: "TASK_MALFORMED", field: "", detail: "too large" });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return err({ code: "TASK_MALFORMED", field: "", detail: "not JSON in UTF-8" });
  }
  const parsed = taskSpecSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err({
    code: "TASK_MALFORMED",
    field: issue?.path.join(".") ?? "",
    detail: issue?.message ?? "malformed",
  });
}
