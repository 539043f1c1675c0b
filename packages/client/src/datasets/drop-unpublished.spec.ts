import type { OwnerState } from "@cos/programs";
import { asDigest, type Manifest } from "@cos/protocol";
import { expect, it } from "vitest";
import { dropUnpublished, unpublishedSegments } from "./drop-unpublished.ts";

const published = { segments: [{ id: "s1" }] } as unknown as Manifest;
const salt = "00".repeat(32);
const state: OwnerState = {
  format: "cos-owner-state/1",
  keyId: asDigest(`0x${"01".repeat(32)}`),
  segments: {
    s1: { salt, people: [["f", "a", 3]] },
    s2: { salt, people: [["f", "b", 51]] },
  },
  traits: { t: { kind: "binary", phenotyped: [3, 51], cases: [51] } },
};

it("forgets people who were appended and never published, and nobody else", () => {
  expect(unpublishedSegments(state, published)).toEqual(["s2"]);
  expect(dropUnpublished(state, published)).toEqual({
    ...state,
    segments: { s1: state.segments.s1 },
    traits: { t: { kind: "binary", phenotyped: [3], cases: [] } },
  });
});

it("changes nothing when everything is published", () => {
  const both = { segments: [{ id: "s1" }, { id: "s2" }] } as unknown as Manifest;
  expect(dropUnpublished(state, both)).toEqual(state);
});
