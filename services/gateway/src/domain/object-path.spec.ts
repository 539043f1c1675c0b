import { describe, expect, it } from "vitest";
import { parseObjectPath, parseObjectUri } from "./object-path.ts";

const hex = "0123456789abcdef".repeat(4);

describe("parseObjectPath", () => {
  it("reads 64 lower-case hex digits", () => expect(parseObjectPath(`/v1/objects/${hex}`)).toBe(`0x${hex}`));
  it.each([
    `/v1/objects/${hex}/`,
    `/v1/objects/${hex}0`,
    `/v1/objects/${hex.slice(1)}`,
    `/v1/objects/${hex.toUpperCase()}`,
    `/v1/objects/../objects/${hex}`,
    `/v1/objects/%30${hex.slice(1)}`,
    `//v1/objects/${hex}`,
    `/v1/objects/${hex}\n`,
    `/v1/objects/..%2f..%2fetc%2fpasswd`,
  ])("refuses %j", (path) => expect(parseObjectPath(path)).toBeUndefined());
});

describe("parseObjectUri", () => {
  it("reads the scheme and the digest", () => expect(parseObjectUri(`cos-object:${hex}`)).toBe(`0x${hex}`));
  it.each([hex, `file:${hex}`, `cos-object:${hex}?x`, "", `cos-object:0x${hex}`])("refuses %j", (uri) =>
    expect(parseObjectUri(uri)).toBeUndefined(),
  );
});
