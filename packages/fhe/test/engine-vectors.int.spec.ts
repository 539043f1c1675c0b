import { readFileSync } from "node:fs";
import { unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { createWasmEngine, findProfile } from "../src/index.ts";
import { vectorDigests } from "./vectors/vector-digests.ts";

const { vectors } = JSON.parse(
  readFileSync(new URL("./vectors/engine-vectors.json", import.meta.url), "utf8"),
) as {
  vectors: { profile: string; seeded: [string, string]; digests: Record<string, string> }[];
};

describe.each(vectors)("stored ciphertexts under $profile", ({ profile, seeded, digests }) => {
  it("expand, add, multiply and convert to SEAL's format to the same bytes as when they were stored", async () => {
    const evaluator = (await createWasmEngine()).evaluator(unwrap(findProfile(profile)));
    const [left, right] = seeded.map((text) => new Uint8Array(Buffer.from(text, "base64")));
    expect(await vectorDigests(evaluator, [left as Uint8Array, right as Uint8Array])).toEqual(digests);
  });
});
