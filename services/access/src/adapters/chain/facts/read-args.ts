import type { DecodedLog } from "@cos/chain";
import type { ChainFact } from "../../../domain/chain-log.ts";

/** Arguments of a decoded log, or of a struct in it, by name. */
export type Args = Readonly<Record<string, unknown>>;
/** The wire's message of each case. */
export type Wire = { readonly [C in ChainFact as C["$case"]]: C["value"] };
/** A case with the fields that its log carries. */
export type PartialWire = {
  [C in keyof Wire]: { readonly $case: C; readonly value: Partial<Wire[C]> };
}[keyof Wire];
/** What the events of some contracts say, by `Contract.Event`. */
export type Translations = {
  readonly [K in `${DecodedLog["contract"]}.${string}`]?: (args: Args) => PartialWire;
};

/** The name of a contract's enum value; throws for one that this code does not know. */
export function nameIn(names: readonly string[], value: unknown): string {
  const name = names[Number(value)];
  if (!name) throw new RangeError(`a log carries the unknown enum value ${Number(value)}`);
  return name;
}

export const text = (value: unknown): string => String(value);
export const big = (value: unknown): bigint => BigInt(value as bigint);
export const int = (value: unknown): number => Number(value);
export const bytes = (value: unknown): Buffer => Buffer.from(String(value).slice(2), "hex");
export const list = (value: unknown): readonly unknown[] => value as readonly unknown[];
export const fields = (value: unknown): Args => value as Args;
