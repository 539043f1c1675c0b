/**
 * Writes `engine-vectors.json`: seeded ciphertexts under a throwaway key, and digests of what SEAL 4.1 (node-seal 7)
 * makes of them. Every engine must reproduce these bytes. Run: node packages/fhe/test/vectors/make-engine-vectors.ts
 */
import { writeFileSync } from "node:fs";
import { createWasmEngine, Encryptor, generateDatasetKey, profiles } from "../../src/index.ts";
import { encryptOne } from "../encrypt-one.ts";
import { toText } from "./seeded-text.ts";
import { vectorDigests } from "./vector-digests.ts";

const key = await generateDatasetKey();
const engine = await createWasmEngine();
const vectors = [];
for (const profile of profiles) {
  const encryptor = await Encryptor.create(profile, key.secrets.get(profile.name) as Uint8Array);
  const values = Uint32Array.from({ length: profile.ringDegree }, (_, i) => (i * 7) % 221);
  const seeded = [
    encryptOne(encryptor, [...values], 7),
    encryptOne(encryptor, [1, 0, 5], 4_000_000_000),
  ] as const;
  vectors.push({
    profile: profile.name,
    seeded: seeded.map(toText),
    digests: await vectorDigests(engine.evaluator(profile), seeded),
  });
}
const text = `${JSON.stringify({ source: "SEAL 4.1 in node-seal 7.0.0", vectors }, null, 1)}\n`;
writeFileSync(new URL("./engine-vectors.json", import.meta.url), text);
