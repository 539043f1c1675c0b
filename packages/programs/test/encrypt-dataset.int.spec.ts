import { type DatasetKey, generateDatasetKey } from "@cos/fhe";
import { unwrap } from "@cos/protocol";
import { beforeAll, describe, expect, it } from "vitest";
import { type DatasetVersion, encryptDataset, objectsOf } from "../src/index.ts";
import { memoryObjects } from "./memory-objects.ts";
import { tinyCohort } from "./tiny-cohort.ts";

const store = memoryObjects();
let key: DatasetKey;
beforeAll(async () => {
  key = await generateDatasetKey();
});

describe("encryptDataset", () => {
  const small = tinyCohort(12, 7, "S");
  const request = {
    source: small.source,
    traits: [small.binary],
    site: "clinic",
    consentClass: ["DUO:0000042"],
    assembly: "GRCh38",
    sink: store.sink,
    effectiveAt: 0,
    threads: 1,
  };
  const codeOf = async (changes: Partial<typeof request> & { rowsPadded?: number }) => {
    const encrypted = await encryptDataset({ ...request, key, ...changes });
    return encrypted.ok ? "encrypted" : encrypted.error.code;
  };

  it("says what a dataset cannot be before it encrypts anything", async () => {
    const count = store.objects.size;
    expect(await codeOf({ rowsPadded: 11 })).toBe("ROW_PADDING_TOO_SMALL");
    expect(await codeOf({ traits: [{ ...small.binary, name: "a b" }] })).toBe("TRAIT_NAME_UNSUPPORTED");
    expect(await codeOf({ traits: [small.binary, small.binary] })).toBe("TRAIT_TWICE");
    expect(await codeOf({ traits: [{ ...small.binary, status: Uint8Array.of(1, 2) }] })).toBe(
      "TRAIT_MISMATCH",
    );
    expect(await codeOf({ site: "../../etc" })).toBe("MANIFEST_MALFORMED");
    expect(await codeOf({ consentClass: ["anything"] })).toBe("MANIFEST_MALFORMED");
    const variants = small.source.variants.map((v, i) => (i === 4 ? { ...v, a1: "A".repeat(10_001) } : v));
    expect(await codeOf({ source: { ...small.source, variants } })).toBe("VARIANT_UNSUPPORTED");
    expect(store.objects.size - count).toBeLessThanOrEqual(1); // the variant axis, at most
  });

  it("draws other rows and other ciphertexts each time", async () => {
    const [a, b] = [
      unwrap(await encryptDataset({ ...request, key })),
      unwrap(await encryptDataset({ ...request, key })),
    ];
    expect(a.ownerState.segments.s1?.people).not.toEqual(b.ownerState.segments.s1?.people);
    const digests = (v: DatasetVersion) =>
      objectsOf(v.manifest)
        .slice(1)
        .map((o) => o.digest);
    expect(digests(a).filter((d) => digests(b).includes(d))).toEqual([]);
  });
});
