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

/** A sum with its quantities resolved to channels: the carrier (with the variant axis, if any has it) and the weight. */
export type ResolvedSum = { name: string; carrier: ChannelOf[]; weight: ChannelOf[] | null };

/** Binds a program's names to one dataset's arrays, all of one layout, and checks kinds and value bounds. */
export function resolveProgram(
  program: Program,
  manifest: Manifest,
  params: JobParams,
): Result<{ layout: string; sums: ResolvedSum[] }, ResolveError> {
  const bound = checkParams(program, manifest, params);
  if (!bound.ok) return bound;
  const layouts = [...new Set(manifest.arrays.map((a) => a.layout))];
  let failure: ResolveError = { code: "LAYOUT_MISSING", input: "", quantities: [] };
  for (const layout of layouts) {
    const inputs = resolveInputs(program, manifest, params, layout);
    if (!inputs.ok) {
      failure = inputs.error;
      continue;
    }
    const sums = program.sums.map((sum) => resolveSum(sum.name, sum.product, inputs.value));
    return ok({ layout, sums });
  }
  return err(failure);
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

type Inputs = Map<string, Map<string, ChannelOf[]>>;

function resolveInputs(
  program: Program,
  manifest: Manifest,
  params: JobParams,
  layout: string,
): Result<Inputs, ResolveError> {
  const inputs: Inputs = new Map();
  for (const [name, input] of Object.entries(program.inputs)) {
    const trait = "trait" in input ? params[input.trait] : undefined;
    const array = manifest.arrays.find(
      (a) => a.layout === layout && (trait === undefined ? a.axes.length === 2 : a.trait === trait),
    );
    const wanted = Object.keys(input.quantities);
    const found = new Map<string, ChannelOf[]>();
    for (const quantity of wanted) {
      const channels = array?.channels.filter((c) => c.quantity === quantity) ?? [];
      if (array === undefined || channels.length === 0) {
        return err({ code: "LAYOUT_MISSING", input: name, quantities: wanted });
      }
      const bound = channels.reduce((sum, c) => sum + (BigInt(c.bound) << BigInt(c.radixPower)), 0n);
      const allowed = BigInt(input.quantities[quantity] ?? "0");
      if (bound > allowed) {
        return err({
          code: "BOUND_EXCEEDED",
          quantity: `${name}.${quantity}`,
          bound: String(bound),
          allowed: String(allowed),
        });
      }
      found.set(
        quantity,
        channels.map((channel) => ({ array, channel })),
      );
    }
    inputs.set(name, found);
  }
  return ok(inputs);
}

function resolveSum(name: string, product: readonly string[], inputs: Inputs): ResolvedSum {
  const factors = product.map((text) => {
    const [input, quantity] = splitFactor(text);
    return inputs.get(input)?.get(quantity) as ChannelOf[];
  });
  factors.sort((a, b) => (b[0]?.array.axes.length ?? 0) - (a[0]?.array.axes.length ?? 0));
  return { name, carrier: factors[0] as ChannelOf[], weight: factors[1] ?? null };
}
