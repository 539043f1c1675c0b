import { err, ok, type Result } from "@cos/protocol";
import { z } from "zod";
import { accountSecret } from "./account.ts";
import { openWithPassphrase, type SealOptions, sealWithPassphrase } from "./age-seal.ts";

const kitSchema = z.strictObject({
  format: z.literal("cos-keystore-kit/1"),
  accounts: z.array(z.strictObject({ name: z.string(), secret: accountSecret })),
  datasets: z.array(
    z.strictObject({
      keyId: z.string().regex(/^0x[0-9a-f]{64}$/),
      name: z.string(),
      datasetId: z.string().nullable(),
      chainId: z.number().nullable(),
      registry: z.string().nullable(),
      /** FHE key, row permutation and sample map, base64. */
      secret: z.base64(),
      /** Ledger of releases as JSON, without which differencing could not be checked after a loss. */
      ledger: z.unknown(),
    }),
  ),
});

/** Everything needed to open old results on an empty machine. In the clear in memory only. */
export type RecoveryKit = z.infer<typeof kitSchema>;

/** Writes a kit as an age file under a passphrase. Any age program opens it. */
export const sealKit = (
  kit: RecoveryKit,
  passphrase: string,
  options: SealOptions = {},
): Promise<Uint8Array> => sealWithPassphrase(JSON.stringify(kit), passphrase, options);

/** @errors `WRONG_PASSPHRASE` (or a changed file), `KIT_MALFORMED` */
export async function openKit(
  bytes: Uint8Array,
  passphrase: string,
): Promise<Result<RecoveryKit, { code: "WRONG_PASSPHRASE" | "KIT_MALFORMED" }>> {
  const opened = await openWithPassphrase(bytes, passphrase);
  if (!opened.ok) return opened;
  try {
    return ok(kitSchema.parse(JSON.parse(Buffer.from(opened.value).toString("utf8"))));
  } catch {
    return err({ code: "KIT_MALFORMED" });
  }
}
