import { readFileSync } from "node:fs";
import { unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { createWasmEngine, findProfile } from "../src/index.ts";
import { fromText, type SeededText } from "./vectors/seeded-text.ts";
import { vectorDigests } from "./vectors/vector-digests.ts";

const { vectors } = JSON.parse(
  readFileSync(new URL("./vectors/engine-vectors.json", import.meta.url), "utf8"),
) as {
  vectors: { profile: string; seeded: [SeededText, SeededText]; digests: Record<string, string> }[];
};

describe.each(vectors)("stored ciphertexts under $profile", ({ profile, seeded, digests }) => {
  it("expand, add, multiply and convert to SEAL's format to the same bytes as when they were stored", async () => {
    const evaluator = (await createWasmEngine()).evaluator(unwrap(findProfile(profile)));
    expect(await vectorDigests(evaluator, [fromText(seeded[0]), fromText(seeded[1])])).toEqual(digests);
  });
});
