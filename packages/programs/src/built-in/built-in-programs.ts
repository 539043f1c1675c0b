import type { TraitKind } from "@cos/protocol";
import type { Program } from "../program.ts";
import { allelicAssociation } from "./allelic-association.ts";
import { linearRegressionProgram } from "./linear-regression.ts";

/** The programs that come with COS. They are data; a registry may hold any other that type-checks. */
export const builtInPrograms: readonly Program[] = [allelicAssociation, linearRegressionProgram];

/** The built-in program for a kind of trait. */
export const programFor = (kind: TraitKind): Program =>
  kind === "binary" ? allelicAssociation : linearRegressionProgram;
