import { unwrap } from "@cos/protocol";
import { checkProgram, type Program } from "../program.ts";

/** Largest code of a trait, and of its square in seven digits of 17 bits. */
const maxValue = (2n ** 85n - 1n).toString();
const maxSquare = (2n ** 126n - 1n).toString();

/**
 * Simple regression of a quantitative trait on the dosage g: n, sums of g, g^2, y, y^2 and g y over the people with a
 * call and a trait value; alleles and called alleles of everybody decide A1.
 */
export const linearRegressionProgram: Program = unwrap(
  checkProgram({
    format: "cos-program/1",
    name: "linear-regression",
    version: "1.0.0",
    title: "Linear regression of a quantitative trait on the dosage, unadjusted",
    parameters: { trait: { kind: "trait", traitKind: "quantitative" } },
    inputs: {
      G: {
        array: "genotypes",
        quantities: { alleles: "2", calledAlleles: "2", called: "1", dosage: "2", dosageSq: "4" },
      },
      y: { trait: "trait", quantities: { present: "1", value: maxValue, square: maxSquare } },
    },
    sums: [
      { name: "alleles", over: "sample", product: ["G.alleles"] },
      { name: "called", over: "sample", product: ["G.calledAlleles"] },
      { name: "n", over: "sample", product: ["G.called", "y.present"] },
      { name: "g", over: "sample", product: ["G.dosage", "y.present"] },
      { name: "gg", over: "sample", product: ["G.dosageSq", "y.present"] },
      { name: "y", over: "sample", product: ["G.called", "y.value"] },
      { name: "yy", over: "sample", product: ["G.called", "y.square"] },
      { name: "gy", over: "sample", product: ["G.dosage", "y.value"] },
    ],
    partition: "runs",
    release: { class: "controlled" },
    finaliser: { name: "linear-regression", version: 1 },
  }),
);
