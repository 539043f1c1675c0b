import type { JobParams, Program } from "@cos/programs";
import { canonicalJson, type Digest, digestOfBytes, type Manifest } from "@cos/protocol";
import { CosFailure } from "../failure.ts";

export const paramsHashOf = (params: JobParams): Digest =>
  digestOfBytes(new TextEncoder().encode(canonicalJson(params)));

/**
 * The parameters behind a permit's digest. A program's parameters name traits, and the owner knows which traits there
 * are, so it tries them; nobody has to be believed.
 * @param given parameters that the user stated, tried first
 */
export function findParams(
  program: Program,
  manifest: Manifest,
  paramsHash: Digest,
  given: JobParams | undefined,
): JobParams {
  if (given !== undefined && paramsHashOf(given) === paramsHash) return given;
  const names = Object.keys(program.parameters);
  for (const params of combinations(
    names,
    manifest.traits.map((trait) => trait.name),
  )) {
    if (paramsHashOf(params) === paramsHash) return params;
  }
  throw new CosFailure(
    "integrity",
    "PARAMS_UNKNOWN",
    "no parameters of this dataset have the permit's digest",
    {
      facts: { paramsHash },
      hint: "ask the grantee for them and state them with --param NAME=VALUE",
    },
  );
}

/** Every way to give each name one of the values. Programs have few parameters. */
function* combinations(names: readonly string[], values: readonly string[]): Generator<JobParams> {
  const [first, ...rest] = names;
  if (first === undefined) {
    yield {};
    return;
  }
  for (const others of combinations(rest, values)) {
    for (const value of values) yield { ...others, [first]: value };
  }
}
