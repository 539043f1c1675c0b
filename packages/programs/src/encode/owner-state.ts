import { contextDigestOf, type DatasetKey, exportDatasetKey, importDatasetKey } from "@cos/fhe";
import { type Digest, digestSchema, err, ok, type Result } from "@cos/protocol";
import { z } from "zod";

const row = z.int().min(0);
const integerText = z.string().regex(/^-?(0|[1-9][0-9]{0,80})$/);

const personSchema = z.tuple([
  z.string().max(256).describe("family id"),
  z.string().max(256).describe("id"),
  row.describe("stream index"),
]);

const traitStateSchema = z.union([
  z.strictObject({ kind: z.literal("binary"), phenotyped: z.array(row), cases: z.array(row) }),
  z.strictObject({
    kind: z.literal("quantitative"),
    phenotyped: z.array(row),
    decimals: z.int().min(-100).max(100),
    offset: integerText,
    valueDigits: z.int().min(1).max(8),
    squareDigits: z.int().min(1).max(16),
  }),
]);
export type TraitState = z.infer<typeof traitStateSchema>;

export const ownerStateSchema = z.strictObject({
  format: z.literal("cos-owner-state/1"),
  keyId: digestSchema,
  /** Segment -> salt of its commitment, and who sits in which row: the secret permutation. */
  segments: z.record(
    z.string(),
    z.strictObject({ salt: z.string().regex(/^[0-9a-f]{64}$/), people: z.array(personSchema) }),
  ),
  /** Trait -> how it was encoded, and the rows that have a value: the secret cohort. */
  traits: z.record(z.string(), traitStateSchema),
});
/** What the owner keeps beside the key: without it, rows cannot be withdrawn and quantities not be finished. Secret. */
export type OwnerState = z.infer<typeof ownerStateSchema>;

export const recoveryKitSchema = z.strictObject({
  format: z.literal("cos-recovery-kit/1"),
  /** Unix seconds. */
  createdAt: z.int().min(0),
  /** Base64 of `exportDatasetKey`. */
  key: z.string().max(16 * 2 ** 20),
  ownerState: ownerStateSchema,
  contextDigest: digestSchema,
  manifestCommitment: digestSchema,
});
/** Everything that an empty machine needs to open old results. In the clear: encrypt it before it touches a disk. */
export type RecoveryKit = z.infer<typeof recoveryKitSchema>;

type Malformed<C extends string> = { code: C; field: string };

/** @errors `OWNER_STATE_MALFORMED` with the field, never its value */
export function parseOwnerState(value: unknown): Result<OwnerState, Malformed<"OWNER_STATE_MALFORMED">> {
  const parsed = ownerStateSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  return err({ code: "OWNER_STATE_MALFORMED", field: parsed.error.issues[0]?.path.join(".") ?? "" });
}

/** @errors `RECOVERY_KIT_MALFORMED` with the field, never its value */
export function parseRecoveryKit(value: unknown): Result<RecoveryKit, Malformed<"RECOVERY_KIT_MALFORMED">> {
  const parsed = recoveryKitSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  return err({ code: "RECOVERY_KIT_MALFORMED", field: parsed.error.issues[0]?.path.join(".") ?? "" });
}

/** What the kit of a dataset version holds. */
export function toRecoveryKit(input: {
  key: DatasetKey;
  ownerState: OwnerState;
  manifestCommitment: Digest;
  /** Unix seconds. */
  createdAt: number;
}): RecoveryKit {
  const bytes = exportDatasetKey(input.key);
  const kit: RecoveryKit = {
    format: "cos-recovery-kit/1",
    createdAt: input.createdAt,
    key: Buffer.from(bytes).toString("base64"),
    ownerState: input.ownerState,
    contextDigest: contextDigestOf(input.key),
    manifestCommitment: input.manifestCommitment,
  };
  bytes.fill(0);
  return kit;
}

export type RestoreError =
  | Malformed<"RECOVERY_KIT_MALFORMED">
  | { code: "KEY_MALFORMED"; detail: string }
  | { code: "KEY_LACKS_PROFILE"; profile: string }
  /** The parts of the kit do not belong together. */
  | { code: "RECOVERY_KIT_INCONSISTENT"; expected: Digest; actual: Digest };

/** Reads a decrypted kit back: checks that SEAL takes the key, and that it is the key that the kit says it is. */
export async function fromRecoveryKit(
  value: unknown,
): Promise<Result<{ key: DatasetKey; ownerState: OwnerState; manifestCommitment: Digest }, RestoreError>> {
  const kit = parseRecoveryKit(value);
  if (!kit.ok) return kit;
  const { ownerState, contextDigest, manifestCommitment } = kit.value;
  const key = await importDatasetKey(new Uint8Array(Buffer.from(kit.value.key, "base64")));
  if (!key.ok) return key;
  const actual = contextDigestOf(key.value);
  if (actual !== contextDigest) {
    return err({ code: "RECOVERY_KIT_INCONSISTENT", expected: contextDigest, actual });
  }
  if (ownerState.keyId !== key.value.keyId) {
    return err({ code: "RECOVERY_KIT_INCONSISTENT", expected: ownerState.keyId, actual: key.value.keyId });
  }
  return ok({ key: key.value, ownerState, manifestCommitment });
}
