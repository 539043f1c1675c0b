import { describe, expect, it } from "vitest";
import { allelicAssociation } from "./built-in/allelic-association.ts";
import { builtInPrograms } from "./built-in/built-in-programs.ts";
import { algorithmIdOf, checkProgram, type Program, parseProgram, programBytes } from "./program.ts";

const changed = (change: (p: Program) => void) => {
  const program = structuredClone(allelicAssociation);
  change(program);
  return checkProgram(program);
};

describe("programs", () => {
  it("are what their bytes say, under an id that follows every field", () => {
    for (const program of builtInPrograms) {
      expect(parseProgram(programBytes(program))).toEqual({ ok: true, value: program });
    }
    const renamed = { ...allelicAssociation, title: "Something else" };
    expect(algorithmIdOf(renamed)).not.toBe(algorithmIdOf(allelicAssociation));
  });

  it("are refused in any other spelling than the canonical one", () => {
    const spaced = new TextEncoder().encode(JSON.stringify(allelicAssociation, null, 1));
    expect(parseProgram(spaced)).toEqual({ ok: false, error: { code: "PROGRAM_NOT_CANONICAL" } });
    expect(parseProgram(Uint8Array.of(0xff))).toMatchObject({ error: { code: "PROGRAM_MALFORMED" } });
    expect(parseProgram(new Uint8Array(300_000))).toMatchObject({ error: { code: "PROGRAM_MALFORMED" } });
  });

  it("are refused with weights of the grantee's own: there is no such input", () => {
    const program = {
      ...allelicAssociation,
      inputs: { ...allelicAssociation.inputs, w: { weights: [1, 3, 9, 27] } },
    };
    expect(checkProgram(program)).toMatchObject({ error: { code: "PROGRAM_MALFORMED" } });
  });

  it("are refused above degree 2, and with two factors along the packed axis", () => {
    expect(changed((p) => p.sums[2]!.product.push("y.case"))).toEqual({
      ok: false,
      error: { code: "PROGRAM_DEGREE_TOO_HIGH", sum: "caseAlleles", factors: 3, maxFactors: 2 },
    });
    expect(changed((p) => p.sums[0]!.product.push("G.alleles"))).toMatchObject({
      error: { code: "PROGRAM_TWO_VARIANT_FACTORS", sum: "alleles" },
    });
  });

  it("are refused when a name is not declared, or given twice", () => {
    expect(changed((p) => p.sums[0]!.product.splice(0, 1, "G.ploidy"))).toMatchObject({
      error: { code: "PROGRAM_UNKNOWN_NAME", name: "G.ploidy" },
    });
    expect(changed((p) => p.sums[0]!.product.splice(0, 1, "G.constructor"))).toMatchObject({
      error: { code: "PROGRAM_UNKNOWN_NAME" },
    });
    expect(changed((p) => p.sums.push(p.sums[0]!))).toMatchObject({
      error: { code: "PROGRAM_UNKNOWN_NAME" },
    });
    expect(changed((p) => Object.assign(p, { parameters: {} }))).toMatchObject({
      error: { code: "PROGRAM_UNKNOWN_NAME", name: "trait" },
    });
  });
});
