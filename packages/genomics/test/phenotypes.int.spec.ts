import { gzipSync } from "node:zlib";
import { unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import {
  decimalText,
  describeGenomicsError,
  matchSamples,
  readPhenotypeTable,
  readTrait,
  type Sample,
  selectSexes,
  type Trait,
  type TraitRequest,
} from "../src/index.ts";
import { tempFolder } from "./temp-folder.ts";

const { path, write } = await tempFolder();

const person = (familyId: string, id: string): Sample => ({ familyId, id, sex: "unknown", founder: true });
const PEOPLE = { hasFamilyIds: true, samples: [person("F1", "A"), person("F1", "B"), person("F2", "A")] };
const tsv = (...lines: string[]) => `${lines.map((line) => line.split(/ +/).join("\t")).join("\n")}\n`;

const trait = async (text: string | Uint8Array, request: Partial<TraitRequest> = {}, source = PEOPLE) =>
  readTrait(source, { file: await write("pheno.tsv", text), column: "t", ...request });

const shown = (value: Trait) =>
  value.kind === "case-control" ? [...value.status] : value.values.map((one) => one && decimalText(one));

describe("readTrait", () => {
  it("aligns case/control codes to the genotyped people", async () => {
    const read = unwrap(await trait(tsv("FID IID s t", "F2 A 9 1", "F1 B 9 NA", "F1 A 9 2")));
    expect(read.trait.kind).toBe("case-control");
    expect(shown(read.trait)).toEqual([2, 0, 1]);
    expect(read.match).toMatchObject({ matched: 3, onlyGenotyped: 0, onlyPhenotyped: 0 });
  });

  it.each([
    ["1 2 0", "case-control", [1, 2, 0]],
    ["1 2 -9", "case-control", [1, 2, 0]],
    ["1.0 2e0 nan", "case-control", [1, 2, 0]], // as plink1.9
    ["1 2 3", "quantitative", ["1", "2", "3"]],
    ["0 -9 1.50", "quantitative", ["0", null, "1.5"]],
    ["1.39851327495676 -0.25 .", "quantitative", ["1.39851327495676", "-0.25", null]],
  ])("the values %s are read as %s", async (values, kind, expected) => {
    const [a, b, c] = values.split(" ");
    const read = unwrap(await trait(tsv("FID IID t", `F1 A ${a}`, `F1 B ${b}`, `F2 A ${c}`)));
    expect(read.trait.kind).toBe(kind);
    expect(shown(read.trait)).toEqual(expected);
  });

  it("reads codes as measurements when asked", async () => {
    const read = unwrap(
      await trait(tsv("FID IID t", "F1 A 1", "F1 B 2", "F2 A 0"), { kind: "quantitative" }),
    );
    expect(shown(read.trait)).toEqual(["1", "2", "0"]);
  });

  it("understands blanks, #FID, quotes, CRLF, a byte order mark, empty lines and gzip", async () => {
    const text = '\uFEFF#FID  "IID" t\r\n\r\nF1   A 1\r\n"F1" B  2\r\nF2 A 1\r\n';
    expect(shown(unwrap(await trait(text)).trait)).toEqual([1, 2, 1]);
    expect(shown(unwrap(await trait(gzipSync(text))).trait)).toEqual([1, 2, 1]);
  });

  it("matches by IID where one side has no family ids", async () => {
    const people = { hasFamilyIds: false, samples: [person("A", "A"), person("B", "B")] };
    expect(shown(unwrap(await trait(tsv("IID t", "B 1", "A 2"), {}, people)).trait)).toEqual([2, 1]);
    expect(shown(unwrap(await trait(tsv("FID IID t", "0 B 1", "0 A 2"), {}, people)).trait)).toEqual([2, 1]);
    expect(await trait(tsv("IID t", "B 1", "A 2"))).toMatchObject({
      ok: false,
      error: { code: "DUPLICATE_SAMPLE" },
    });
  });

  it("refuses files of different people, with counts and no id", async () => {
    const other = tsv("FID IID t", "F1 A 1", "F1 SECRET 2", "F9 A 2", "F9 B 2");
    const refused = await trait(other);
    expect(refused).toMatchObject({
      ok: false,
      error: {
        code: "SAMPLES_DO_NOT_MATCH",
        genotyped: 3,
        phenotyped: 4,
        matched: 1,
        onlyGenotyped: 2,
        onlyPhenotyped: 3,
      },
    });
    expect(JSON.stringify(refused)).not.toContain("SECRET");
    const tolerated = unwrap(await trait(other, { unmatched: "missing", kind: "quantitative" }));
    expect(shown(tolerated.trait)).toEqual(["1", null, null]);
    expect(tolerated.match).toMatchObject({ matched: 1, onlyGenotyped: 2, onlyPhenotyped: 3 });
  });

  it("refuses tolerance when nobody matches", async () => {
    expect(await trait(tsv("FID IID t", "X X 1"), { unmatched: "missing" })).toMatchObject({
      ok: false,
      error: { code: "SAMPLES_DO_NOT_MATCH", matched: 0 },
    });
  });

  const rows = ["F1 A 1", "F1 B 2", "F2 A 1"];
  it.each([
    ["an empty file", "", { code: "PHENOTYPE_NO_ID_COLUMN" }],
    ["a header without IID", tsv("FID NAME t", ...rows), { code: "PHENOTYPE_NO_ID_COLUMN", line: 1 }],
    ["a column twice", tsv("FID IID t t", ...rows), { code: "PHENOTYPE_DUPLICATE_COLUMN", column: "t" }],
    [
      "another column",
      tsv("FID IID u", ...rows),
      { code: "PHENOTYPE_NO_COLUMN", column: "t", available: ["u"] },
    ],
    ["a header alone", tsv("FID IID t"), { code: "NO_SAMPLES" }],
    [
      "a short line",
      tsv("FID IID t", "F1 A 1", "F1 B"),
      { code: "PHENOTYPE_BAD_LINE", line: 3, columns: 2, expected: 3 },
    ],
    ["a long line", tsv("FID IID t", "F1 A 1 7"), { code: "PHENOTYPE_BAD_LINE", line: 2, columns: 4 }],
    [
      "the same person twice",
      tsv("FID IID t", ...rows, "F1 B 1"),
      { code: "DUPLICATE_SAMPLE", line: 5, firstLine: 3 },
    ],
    [
      "an empty cell",
      `${tsv("FID IID t", "F1 A 1", "F1 B 2")}F2\tA\t\n`,
      { code: "PHENOTYPE_BAD_VALUE", line: 4, column: "t" },
    ],
    [
      "a word",
      tsv("FID IID t", "F1 A 1", "F1 B yes", "F2 A 2"),
      { code: "PHENOTYPE_BAD_VALUE", line: 3, column: "t" },
    ],
    [
      "a number beyond all measure",
      tsv("FID IID t", "F1 A 1e999999", ...rows.slice(1)),
      { code: "PHENOTYPE_OUT_OF_RANGE", line: 2 },
    ],
    [
      "a word after empty lines",
      `\n${tsv("FID IID t", "F1 A 1")}\n\n${tsv("F1 B x", "F2 A 1")}`,
      { code: "PHENOTYPE_BAD_VALUE", line: 6 },
    ],
    ["an open quotation mark", tsv("FID IID t", 'F1 "A 1'), { code: "PHENOTYPE_BAD_QUOTES" }],
    [
      "0/1 coding",
      tsv("FID IID t", "F1 A 0", "F1 B 1", "F2 A 1"),
      { code: "PHENOTYPE_ONE_GROUP", cases: 0, controls: 2, missing: 1 },
    ],
    [
      "nothing known",
      tsv("FID IID t", "F1 A NA", "F1 B -9", "F2 A NA"),
      { code: "PHENOTYPE_ALL_MISSING", samples: 3 },
    ],
  ])("refuses %s", async (_, text, expected) => {
    const refused = await trait(text);
    expect(refused).toMatchObject({ ok: false, error: expected });
    if (!refused.ok) expect(describeGenomicsError(refused.error)).toContain("pheno.tsv");
  });

  it("refuses measurements where a case/control trait is asked for", async () => {
    expect(
      await trait(tsv("FID IID t", "F1 A 1", "F1 B 2", "F2 A 1.5"), { kind: "case-control" }),
    ).toMatchObject({
      ok: false,
      error: { code: "PHENOTYPE_BAD_VALUE", line: 4 },
    });
  });

  it("names a missing file", async () => {
    expect(await readTrait(PEOPLE, { file: path("nowhere.tsv"), column: "t" })).toMatchObject({
      ok: false,
      error: { code: "FILE_UNREADABLE", reason: "ENOENT" },
    });
  });
});

describe("selectSexes", () => {
  it("reads words and codes, and refuses others", async () => {
    const read = async (c: string) =>
      unwrap(
        await readPhenotypeTable(
          await write("sex.tsv", tsv("FID IID sex", "F1 A 1", "F1 B Female", `F2 A ${c}`)),
        ),
      );
    const table = await read("NA");
    const match = unwrap(matchSamples(PEOPLE, table));
    expect(unwrap(selectSexes(table, "sex", match))).toEqual(["male", "female", "unknown"]);
    expect(selectSexes(await read("constructor"), "sex", match)).toMatchObject({
      ok: false,
      error: { code: "PHENOTYPE_BAD_VALUE", line: 4, column: "sex" },
    });
  });
});
