import { type EventFragment, type ParamType, Result } from "ethers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contractNames } from "./contract-names.ts";
import { eventDecoder, interfaceOf } from "./decode-log.ts";

const bytesOf = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((raw) => `0x${Buffer.from(raw).toString("hex")}`);

/** Any value of a type. */
function valueOfType(type: ParamType): fc.Arbitrary<unknown> {
  if (type.arrayChildren) return fc.array(valueOfType(type.arrayChildren), { maxLength: 3 });
  if (type.components) return fc.tuple(...type.components.map(valueOfType));
  if (type.baseType === "address") return bytesOf(20);
  if (type.baseType === "bool") return fc.boolean();
  if (type.baseType === "string") return fc.string();
  const fixed = /^bytes(\d+)$/.exec(type.type);
  if (fixed) return bytesOf(Number(fixed[1]));
  if (type.type === "bytes") return fc.uint8Array().map((raw) => `0x${Buffer.from(raw).toString("hex")}`);
  return fc.bigInt(0n, 2n ** BigInt(type.type.replace("uint", "")) - 1n);
}

/** A value by position and as text, whichever library read it. */
function plain(value: unknown): unknown {
  if (value instanceof Result || Array.isArray(value)) return [...value].map(plain);
  if (typeof value === "object" && value !== null) return Object.values(value).map(plain);
  if (typeof value === "string" && /^0x[0-9a-fA-F]{40}$/.test(value)) return value.toLowerCase();
  return typeof value === "bigint" || typeof value === "number" ? value.toString() : value;
}

const events = contractNames.flatMap((contract) => {
  const found: [name: string, contract: typeof contract, event: EventFragment][] = [];
  interfaceOf(contract).forEachEvent((event) => found.push([`${contract}.${event.name}`, contract, event]));
  return found;
});

describe("decoding a log", () => {
  it.each(events)("of %s agrees with ethers", (_name, contract, event) => {
    const decode = eventDecoder(contract);
    fc.assert(
      fc.property(fc.tuple(...event.inputs.map(valueOfType)), (values) => {
        const log = interfaceOf(contract).encodeEventLog(event, values);
        const theirs = interfaceOf(contract).parseLog(log);
        const ours = decode(log);
        expect(event.inputs.map(({ name }) => plain(ours?.args[name]))).toEqual(plain(theirs?.args));
        expect(ours?.name).toBe(theirs?.name);
      }),
      { numRuns: 20 },
    );
  });

  it("gives null for an event that is not in the ABI, and for one with other parameters indexed", () => {
    const event = interfaceOf("AccessACL").getEvent("Revoked") as EventFragment;
    const log = interfaceOf("AccessACL").encodeEventLog(event, [1, 2, `0x${"5a".repeat(20)}`]);
    const decode = eventDecoder("AccessACL");
    expect(decode(log)?.args).toEqual({ grantId: 1n, datasetId: 2n, by: `0x${"5a".repeat(20)}` });
    expect(decode({ ...log, topics: [`0x${"11".repeat(32)}`] })).toBeNull();
    expect(decode({ topics: [], data: "0x" })).toBeNull();
    expect(decode({ ...log, topics: log.topics.slice(0, 3) })).toBeNull();
  });
});
