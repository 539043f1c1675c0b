import { chooseA1 } from "../statistics/choose-a1.ts";
import {
  type LinearRegression,
  linearRegression,
  type RegressionSums,
} from "../statistics/linear-regression.ts";
import type { Variant } from "../variant.ts";

/** What a quantitative study sums at one variant, in the file's orientation. */
export interface VariantSums extends RegressionSums {
  /** Over everybody, phenotyped or not: decides which allele is reported as A1. */
  readonly totalA1: number;
  readonly totalCalled: number;
}

/** One line of a quantitative table, effects per copy of A1, the minor allele over everybody. */
export interface QassocRow extends LinearRegression {
  readonly variant: Variant;
  readonly a1: string;
  readonly a2: string;
  readonly swapped: boolean;
  /** The sums behind the line, in the file's orientation. */
  readonly sums: VariantSums;
}

/** The line of one variant from its sums. Swapping the alleles turns the sign of the slope and nothing else. */
export function qassocRow(variant: Variant, sums: VariantSums): QassocRow {
  const swapped = chooseA1({ alleleCount: sums.totalA1, calledAlleles: sums.totalCalled }) === "swap";
  const fit = linearRegression(sums);
  const [a1, a2] = swapped ? [variant.a2, variant.a1] : [variant.a1, variant.a2];
  return { variant, a1, a2, swapped, sums, ...(swapped ? mirrored(fit) : fit) };
}

function mirrored(fit: LinearRegression): LinearRegression {
  return { ...fit, beta: fit.beta === null ? null : 0 - fit.beta, t: fit.t === null ? null : 0 - fit.t };
}
