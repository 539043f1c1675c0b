import { type Purpose, purposeSchema } from "@cos/protocol";
import { CosFailure } from "../failure.ts";

/** A structured purpose from DUO codes and a statement. */
export function makePurpose(duo: readonly string[], statement: string): Purpose {
  const parsed = purposeSchema.safeParse({ duo, statement });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CosFailure("usage", "PURPOSE_MALFORMED", `the purpose is malformed: ${issue?.path.join(".")}`, {
    clause: 3,
    hint: "codes look like DUO:0000042 (general research use); a statement says what for",
  });
}
