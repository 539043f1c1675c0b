import { Interface, isError } from "ethers";
import { allErrorsAbi } from "./abi/index.ts";

/** A custom error of our contracts with the values that prove it. */
export interface Revert {
  readonly name: string;
  /** By parameter name; numbers as decimal text. */
  readonly facts: Readonly<Record<string, string>>;
}

const errors = new Interface(allErrorsAbi);

/** Decodes the revert data of any contract behind the called one; undefined where there is none of ours. */
export function decodeRevertData(data: string): Revert | undefined {
  const parsed = data.length >= 10 ? errors.parseError(data) : null;
  if (parsed === null) return undefined;
  const facts = parsed.fragment.inputs.map((input, index) => [
    input.name || String(index),
    String(parsed.args[index]),
  ]);
  return { name: parsed.name, facts: Object.fromEntries(facts) as Record<string, string> };
}

/** Decodes an error that ethers threw from a call, an estimate or a send; undefined where it is not a revert of ours. */
export function decodeRevert(error: unknown): Revert | undefined {
  if (isError(error, "CALL_EXCEPTION") && error.data) return decodeRevertData(error.data);
  const data = /0x[0-9a-f]{8,}/i.exec(JSON.stringify(nested(error)) ?? "")?.[0];
  return data === undefined ? undefined : decodeRevertData(data);
}

/** Nodes put revert data in different corners of their error; only `data` fields are looked at. */
function nested(error: unknown, depth = 0): unknown {
  if (typeof error !== "object" || error === null || depth > 4) return null;
  const { data, error: inner, info } = error as { data?: unknown; error?: unknown; info?: unknown };
  return [
    typeof data === "string" ? data : nested(data, depth + 1),
    nested(inner, depth + 1),
    nested(info, depth + 1),
  ];
}
