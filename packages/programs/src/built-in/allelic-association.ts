import { unwrap } from "@cos/protocol";
import { checkProgram, type Program } from "../program.ts";

/**
 * The basic case/control test: alleles and called alleles of everybody (which decide A1), of cases and of controls.
 * The phenotype is a ciphertext of its own; a missing phenotype is neither case nor control.
 */
export const allelicAssociation: Program = unwrap(
  checkProgram({
    format: "cos-program/1",
    name: "allelic-association",
    version: "1.0.0",
    title: "Allelic association of a case/control trait, unadjusted",
    parameters: { trait: { kind: "trait", traitKind: "binary" } },
    inputs: {
      G: { array: "genotypes", quantities: { alleles: "2", calledAlleles: "2" } },
      y: { trait: "trait", quantities: { case: "1", control: "1" } },
    },
    sums: [
      { name: "alleles", over: "sample", product: ["G.alleles"] },
      { name: "called", over: "sample", product: ["G.calledAlleles"] },
      { name: "caseAlleles", over: "sample", product: ["G.alleles", "y.case"] },
      { name: "caseCalled", over: "sample", product: ["G.calledAlleles", "y.case"] },
      { name: "controlAlleles", over: "sample", product: ["G.alleles", "y.control"] },
      { name: "controlCalled", over: "sample", product: ["G.calledAlleles", "y.control"] },
    ],
    partition: "runs",
    release: { class: "controlled" },
    finaliser: { name: "allelic-association", version: 1 },
  }),
);
