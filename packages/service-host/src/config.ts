import { err, ok, type Result } from "@cos/protocol";
import type { z } from "zod";

/** One setting: its rule (with default), what it means, and its unit where it has one. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  readonly schema: S;
  readonly meaning: string;
  readonly unit?: string;
}

export type Settings = Readonly<Record<string, Setting>>;
export type ConfigOf<T extends Settings> = { readonly [K in keyof T]: z.output<T[K]["schema"]> };

/** Every faulty key with its rule; never a value, because values may be secrets. */
export type ConfigError = {
  code: "BAD_CONFIG";
  faults: readonly { key: string; rule: string; meaning: string }[];
};

/**
 * Reads settings from an environment, all faults together. `prefix` is the service's, such as `COS_ACCESS_`; the key
 * `grpcPort` is then `COS_ACCESS_GRPC_PORT`. The result is frozen.
 * @errors `BAD_CONFIG` with every key at fault
 */
export function readConfig<T extends Settings>(
  settings: T,
  prefix: string,
  environment: Readonly<Record<string, string | undefined>>,
): Result<ConfigOf<T>, ConfigError> {
  const values: Record<string, unknown> = {};
  const faults: { key: string; rule: string; meaning: string }[] = [];
  for (const [name, { schema, meaning }] of Object.entries(settings)) {
    const key = environmentKey(prefix, name);
    const parsed = schema.safeParse(environment[key]);
    if (parsed.success) values[name] = parsed.data;
    else faults.push({ key, rule: parsed.error.issues.map(({ code }) => code).join(", "), meaning });
  }
  if (faults.length > 0) return err({ code: "BAD_CONFIG", faults });
  return ok(Object.freeze(values) as ConfigOf<T>);
}

/** `grpcPort` under `COS_ACCESS_` -> `COS_ACCESS_GRPC_PORT`. */
export const environmentKey = (prefix: string, name: string): string =>
  prefix + name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
