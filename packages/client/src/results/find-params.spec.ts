import { allelicAssociation } from "@cos/programs";
import type { Manifest } from "@cos/protocol";
import { expect, it } from "vitest";
import { findParams, paramsHashOf } from "./find-params.ts";

const manifest = { traits: [{ name: "height" }, { name: "tufted" }] } as unknown as Manifest;

it("finds the trait behind a permit's digest by itself", () => {
  const hash = paramsHashOf({ trait: "tufted" });
  expect(findParams(allelicAssociation, manifest, hash, undefined)).toEqual({ trait: "tufted" });
});

it("takes stated parameters only where they have the permit's digest", () => {
  const hash = paramsHashOf({ trait: "hidden" });
  expect(findParams(allelicAssociation, manifest, hash, { trait: "hidden" })).toEqual({ trait: "hidden" });
  expect(() => findParams(allelicAssociation, manifest, hash, { trait: "height" })).toThrow(
    "permit's digest",
  );
});

it("hashes the canonical form, whatever the order of names", () => {
  expect(paramsHashOf({ b: "2", a: "1" })).toBe(paramsHashOf({ a: "1", b: "2" }));
});
