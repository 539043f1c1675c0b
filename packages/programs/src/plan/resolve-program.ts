import { type ArrayManifest, type Channel, err, type Manifest, ok, type Result } from "@cos/protocol";
import { type Program, splitFactor } from "../program.ts";

/** Parameter name -> value, e.g. `{ trait: "tufted" }`. */
export type JobParams = Readonly<Record<string, string>>;

export type ResolveError =
  /** A parameter without a value, or a value for a parameter that the program does not have. */
  | { code: "PARAMETER_MISMATCH"; parameter: string }
  | { code: "TRAIT_UNKNOWN"; trait: string }
  | { code: "TRAIT_KIND_MISMATCH"; trait: string; expected: string; actual: string }
  /** No layout in which the dataset offers every quantity that the program reads. */
  | { code: "LAYOUT_MISSING"; input: string; quantities: string[] }
  /** The dataset's codes may be larger than the program is written for. */
  | { code: "BOUND_EXCEEDED"; quantity: string; bound: string; allowed: string };

/** A channel of one array, which is the factor of a contraction or a digit of it. */
export type ChannelOf = { array: ArrayManifest; channel: Channel };

/** One product of factors: the carrier (with the variant axis, if any has it) and the weight; with its sign in the sum. */
export type ResolvedTerm = { carrier: ChannelOf[]; weight: ChannelOf[] | null; sign: 1 | -1 };

/** A sum with its quantities resolved to channels. */
export type ResolvedSum = { name: string; terms: ResolvedTerm[] };

/** One way to read a program's sums out of a dataset: arrays that belong together. */
export type Binding = {
  /** What a person calls it: the layout, and the trait where it is fixed. */
  name: string;
  layout: string;
  sums: ResolvedSum[];
};

/** A way that does not work for this program, and why. */
export type RefusedBinding = { name: string; layout: string; error: ResolveError };

/**
 * Binds a program's names to one dataset's arrays in every way that there is: in each layout with arrays for genotypes
 * and traits, and in each array of genotypes into which the owner fixed the trait that is asked for. Checks kinds and
 * value bounds.
 * @returns at least one binding, in the manifest's order
 * @errors why the last way does not work, when none does
 */
export function resolveProgram(
  program: Program,
  manifest: Manifest,
  params: JobParams,
): Result<{ bindings: Binding[]; refused: RefusedBinding[] }, ResolveError> {
  const bound = checkParams(program, manifest, params);
  if (!bound.ok) return bound;
  const bindings: Binding[] = [];
  const refused: RefusedBinding[] = [];
  for (const genotypes of manifest.arrays) {
    if (genotypes.axes.length !== 2) continue;
    const { layout, trait } = genotypes;
    if (trait !== undefined && !Object.values(params).includes(trait)) continue;
    const name = trait === undefined ? layout : `${layout} (${trait})`;
    const sums =
      trait === undefined
        ? resolveOpen(program, manifest, params, genotypes)
        : resolveFixed(program, params, genotypes);
    if (sums.ok) bindings.push({ name, layout, sums: sums.value });
    else refused.push({ name, layout, error: sums.error });
  }
  if (bindings.length > 0) return ok({ bindings, refused });
  // A dataset that has the general layouts is told what they lack, not what a fixed one does.
  const general = refused.findLast((r) => r.name === r.layout) ?? refused.at(-1);
  return err(general?.error ?? { code: "LAYOUT_MISSING", input: "", quantities: [] });
}

function checkParams(program: Program, manifest: Manifest, params: JobParams): Result<null, ResolveError> {
  for (const name of Object.keys(params)) {
    if (!Object.hasOwn(program.parameters, name)) return err({ code: "PARAMETER_MISMATCH", parameter: name });
  }
  for (const [name, parameter] of Object.entries(program.parameters)) {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    if (value === undefined) return err({ code: "PARAMETER_MISMATCH", parameter: name });
    const trait = manifest.traits.find((t) => t.name === value);
    if (trait === undefined) return err({ code: "TRAIT_UNKNOWN", trait: value });
    if (trait.kind !== parameter.traitKind) {
      return err({
        code: "TRAIT_KIND_MISMATCH",
        trait: value,
        expected: parameter.traitKind,
        actual: trait.kind,
      });
    }
  }
  return ok(null);
}

/** The channels of a quantity; `isRest`: they hold those whom it leaves out, and everybody is one or the other. */
type Quantity = { channels: ChannelOf[]; isRest: boolean };
type Inputs = Map<string, Map<string, Quantity>>;

/** Genotypes and traits as arrays of their own, of one layout: products are left to the evaluator. */
function resolveOpen(
  program: Program,
  manifest: Manifest,
  params: JobParams,
  genotypes: ArrayManifest,
): Result<ResolvedSum[], ResolveError> {
  const inputs: Inputs = new Map();
  for (const [name, input] of Object.entries(program.inputs)) {
    const trait = "trait" in input ? params[input.trait] : undefined;
    const array =
      trait === undefined
        ? genotypes
        : manifest.arrays.find(
            (a) => a.layout === genotypes.layout && a.axes.length === 1 && a.trait === trait,
          );
    const wanted = Object.keys(input.quantities);
    const found = new Map<string, Quantity>();
    for (const quantity of wanted) {
      const held = array === undefined ? undefined : quantityOf(array, quantity);
      if (held === undefined) return err({ code: "LAYOUT_MISSING", input: name, quantities: wanted });
      const allowed = BigInt(input.quantities[quantity] ?? "0");
      const fits = checkBound(`${name}.${quantity}`, held.channels, allowed);
      if (!fits.ok) return fits;
      found.set(quantity, held);
    }
    inputs.set(name, found);
  }
  const sums: ResolvedSum[] = [];
  for (const { name, product } of program.sums) {
    const terms = productTerms(product, inputs);
    if (terms === undefined) return err({ code: "LAYOUT_MISSING", input: name, quantities: [...product] });
    sums.push({ name, terms });
  }
  return ok(sums);
}

function quantityOf(array: ArrayManifest, quantity: string): Quantity | undefined {
  const direct = channelsOf(array, quantity, undefined);
  if (direct.length > 0) return { channels: direct, isRest: false };
  const others =
    array.traitComplete === true ? channelsOf(array, complements[quantity] ?? "", undefined) : [];
  return others.length > 0 ? { channels: others, isRest: true } : undefined;
}

const channelsOf = (array: ArrayManifest, quantity: string, weight: string | undefined): ChannelOf[] =>
  array.channels
    .filter((c) => c.quantity === quantity && c.weight === weight)
    .map((channel) => ({ array, channel }));

function checkBound(
  quantity: string,
  channels: readonly ChannelOf[],
  allowed: bigint,
): Result<null, ResolveError> {
  const bound = channels.reduce((sum, { channel: c }) => sum + (BigInt(c.bound) << BigInt(c.radixPower)), 0n);
  if (bound <= allowed) return ok(null);
  return err({ code: "BOUND_EXCEEDED", quantity, bound: String(bound), allowed: String(allowed) });
}

/**
 * The terms of one or two factors' product. That with a rest is the other factor, less its product with those who are not
 * of the rest; how many people a rest has by itself is nowhere encrypted.
 */
function productTerms(product: readonly string[], inputs: Inputs): ResolvedTerm[] | undefined {
  const factors = product.map((text) => {
    const [input, quantity] = splitFactor(text);
    return inputs.get(input)?.get(quantity) as Quantity;
  });
  const direct = factors.filter(({ isRest }) => !isRest);
  if (direct.length === 0 || factors.length - direct.length > 1) return undefined;
  const [carrier, weight] = factors
    .map(({ channels }) => channels)
    .sort((a, b) => (b[0]?.array.axes.length ?? 0) - (a[0]?.array.axes.length ?? 0)) as [
    ChannelOf[],
    ChannelOf[]?,
  ];
  const whole: ResolvedTerm = { carrier, weight: weight ?? null, sign: 1 };
  if (direct.length === factors.length) return [whole];
  return [
    { carrier: (direct[0] as Quantity).channels, weight: null, sign: 1 },
    { ...whole, sign: -1 },
  ];
}

/** Genotypes that hold products with one trait already: sums alone are left, and differences to the owner. */
function resolveFixed(
  program: Program,
  params: JobParams,
  array: ArrayManifest,
): Result<ResolvedSum[], ResolveError> {
  const sums: ResolvedSum[] = [];
  for (const { name, product } of program.sums) {
    const factors = product.map((text) => readFactor(program, text));
    const genotype = factors.find((f) => f.trait === undefined);
    const weights = factors.filter((f) => f.trait !== undefined);
    const isOther = weights.some((f) => params[f.trait as string] !== array.trait);
    if (genotype === undefined || weights.length > 1 || isOther) {
      return err({ code: "LAYOUT_MISSING", input: name, quantities: [...product] });
    }
    const terms = weightedTerms(array, genotype.quantity, weights[0]?.quantity);
    if (terms === undefined) return err({ code: "LAYOUT_MISSING", input: name, quantities: [...product] });
    const allowed = factors.reduce((most, f) => most * f.allowed, 1n);
    for (const { carrier } of terms) {
      const fits = checkBound(product.join(" * "), carrier, allowed);
      if (!fits.ok) return fits;
    }
    sums.push({ name, terms });
  }
  return ok(sums);
}

function readFactor(
  program: Program,
  text: string,
): { quantity: string; trait: string | undefined; allowed: bigint } {
  const [name, quantity] = splitFactor(text);
  const input = program.inputs[name];
  const allowed = BigInt(input?.quantities[quantity] ?? "0");
  return { quantity, trait: input !== undefined && "trait" in input ? input.trait : undefined, allowed };
}

/** Where everybody is a case or a control, those who are not the one are the other. */
const complements: Readonly<Record<string, string>> = { case: "control", control: "case" };

function weightedTerms(
  array: ArrayManifest,
  quantity: string,
  weight: string | undefined,
): ResolvedTerm[] | undefined {
  const direct = channelsOf(array, quantity, weight);
  if (direct.length > 0) return [{ carrier: direct, weight: null, sign: 1 }];
  if (weight === undefined || array.traitComplete !== true) return undefined;
  const everybody = channelsOf(array, quantity, undefined);
  const others = channelsOf(array, quantity, complements[weight] ?? "");
  if (everybody.length === 0 || others.length === 0) return undefined;
  return [
    { carrier: everybody, weight: null, sign: 1 },
    { carrier: others, weight: null, sign: -1 },
  ];
}
