import type { PermitDraft } from "@cos/client";
import type { Scene } from "./scene.ts";

/** The draft with other terms and the identifiers that follow from them: what a grantee could send instead. */
export async function redraft(
  scene: Scene,
  draft: PermitDraft,
  change: Partial<PermitDraft["terms"]>,
): Promise<PermitDraft> {
  const { chain } = scene.researcher.client;
  const terms = { ...draft.terms, ...change };
  const termsHash = await chain.read<PermitDraft["termsHash"]>("JobPermits", "termsHashOf", [terms]);
  const args = [terms.grantee, draft.nonce, termsHash];
  const permitId = await chain.read<PermitDraft["permitId"]>("JobPermits", "permitIdOf", args);
  return { ...draft, terms, termsHash, permitId };
}
