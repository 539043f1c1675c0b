import { id } from "ethers/hash";
import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson, digestOfJson } from "./canonical-json.ts";

it("digests as the chain does", () => {
  // keccak256 of the two bytes `{}`, as Solidity gives it.
  expect(digestOfJson({})).toBe("0xb48d38f93eaa084033fc5970bf96e559c33c4cdc07d889ab00b4d63f9590739d");
  fc.assert(
    fc.property(fc.json({ stringUnit: "grapheme" }), (text) => {
      const value: unknown = JSON.parse(text);
      expect(digestOfJson(value)).toBe(id(canonicalJson(value)));
    }),
  );
});

it("refuses text that has no UTF-8 form", () => {
  expect(() => digestOfJson("\ud800")).toThrow();
});
