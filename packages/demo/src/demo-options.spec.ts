import { describe, expect, it } from "vitest";
import { parseDemoOptions } from "./demo-options.ts";

const parse = (...args: string[]) => parseDemoOptions(args, "/typed/here");

describe("parseDemoOptions", () => {
  it("simulates by default, as stated in the help", () => {
    expect(parse()).toMatchObject({
      ok: true,
      value: {
        files: undefined,
        simulation: { people: 1000, variants: 20_000, chromosomes: 10, seed: 1 },
        species: "human",
        assembly: "GRCh38",
        out: "/typed/here/out/demo",
      },
    });
  });

  it("takes paths from where the command was typed", () => {
    const args = ["--bfile", "../d/x", "--pheno", "/a/p.tsv", "--pheno-name", "t", "--species", "mouse"];
    expect(parse(...args)).toMatchObject({
      ok: true,
      value: {
        files: { bfile: "/typed/d/x", pheno: "/a/p.tsv", phenoName: "t" },
        species: "mouse",
        assembly: "unstated",
      },
    });
  });

  it.each(["--unknown-contigs", "--extra-contigs"])("keeps contigs outside the table with %s", (flag) => {
    const args = ["--vcf", "v", "--pheno", "p", "--pheno-name", "t", flag, "keep"];
    expect(parse(...args)).toMatchObject({ value: { files: { unknownContigs: "keep" } } });
  });

  it.each([
    [["--pheno", "p.tsv"], "needs genotypes"],
    [["--vcf", "v"], "genotypes need phenotypes"],
    [["--vcf", "v", "--bfile", "b", "--pheno", "p", "--pheno-name", "t"], "either --bfile or --vcf"],
    [["--unknown-contigs", "drop"], "refuse or keep"],
    [["--people", "many"], "whole number"],
    [["--people", "249"], "from 250 on"],
    [["--chromosomes", "23"], "22 at most"],
    [["--nonsense"], "Unknown option"],
  ])("refuses %j", (args, words) => {
    const result = parse(...args);
    expect(result.ok ? "" : result.error.message).toContain(words);
  });

  it("answers nothing when help was asked for", () => {
    expect(parse("--help")).toEqual({ ok: true, value: undefined });
  });

  it("takes the engine from the command line, then from what is set, then the best there is", () => {
    const engineOf = (args: string[], set?: string) => parseDemoOptions(args, "/typed/here", set);
    expect(engineOf([])).toMatchObject({ value: { engine: "auto" } });
    expect(engineOf([], "wasm")).toMatchObject({ value: { engine: "wasm" } });
    expect(engineOf(["--engine", "native"], "wasm")).toMatchObject({ value: { engine: "native" } });
    expect(engineOf(["--engine", "both"])).toMatchObject({ value: { engine: "both" } });
    expect(engineOf([], "fast")).toMatchObject({ ok: false, error: { code: "BAD_OPTIONS" } });
  });
});
