import { Interface, type ParamType } from "ethers";
import * as AbiParameters from "ox/AbiParameters";
import { type ContractName, contractArtifacts, contractNames } from "./contract-names.ts";
import type { ContractAddresses } from "./deployment.ts";

/** A log of one of our contracts; `event` is null where the ABI does not know it. */
export interface DecodedLog {
  readonly contract: ContractName;
  readonly event: DecodedEvent | null;
}

/**
 * An event's arguments by name: addresses and bytes as lower-case hex, integers up to 48 bits as numbers and larger ones
 * as bigints, structs as objects, lists as arrays. A topic that only holds a hash of its value gives the hash.
 */
export type DecodedEvent = { readonly name: string; readonly args: Readonly<Record<string, unknown>> };

export type RawEvent = { readonly topics: readonly string[]; readonly data: string };

const interfaces = Object.fromEntries(
  contractNames.map((name) => [name, new Interface(contractArtifacts[name].abi)]),
) as Record<ContractName, Interface>;

/** The ABI of a contract as ethers parses it. */
export const interfaceOf = (name: ContractName): Interface => interfaces[name];

/**
 * Decodes logs of one deployment. Logs of other contracts give undefined. Cost: tens of microseconds a log; ethers'
 * `Interface.parseLog` takes hundreds, which a mirror that catches up feels.
 */
export function logDecoder(addresses: ContractAddresses) {
  const byAddress = new Map(
    contractNames.map((name) => [addresses[name].toLowerCase(), { name, decode: eventDecoder(name) }]),
  );
  return (log: RawEvent & { readonly address: string }): DecodedLog | undefined => {
    const contract = byAddress.get(log.address.toLowerCase());
    return contract && { contract: contract.name, event: contract.decode(log) };
  };
}

/** Decodes one contract's events; null for one that its ABI does not know. */
export function eventDecoder(name: ContractName): (log: RawEvent) => DecodedEvent | null {
  const decoders = new Map<string, (log: RawEvent) => DecodedEvent | null>();
  interfaces[name].forEachEvent((event) => {
    decoders.set(event.topicHash, decoderOf(event.name, event.inputs));
  });
  return (log) => decoders.get(log.topics[0]?.toLowerCase() ?? "")?.(log) ?? null;
}

function decoderOf(name: string, inputs: readonly ParamType[]): (log: RawEvent) => DecodedEvent | null {
  const indexed = inputs.filter((input) => input.indexed === true);
  const topicTypes = indexed.map((input) => (isHashed(input) ? { type: "bytes32" } : toAbi(input)));
  const others = inputs.filter((input) => input.indexed !== true);
  const dataTypes = others.map(toAbi);
  return ({ topics, data }) => {
    // The same signature with other parameters indexed is another event.
    if (topics.length !== indexed.length + 1) return null;
    const words = topics.slice(1).map((topic) => topic.slice(2));
    const args = new Map<string, unknown>();
    const inTopics = decode(topicTypes, `0x${words.join("")}`);
    for (const [at, input] of indexed.entries()) args.set(input.name, inTopics[at]);
    const inData = decode(dataTypes, data as `0x${string}`);
    for (const [at, input] of others.entries()) args.set(input.name, inData[at]);
    return { name, args: Object.fromEntries(args) };
  };
}

type AbiParameter = {
  readonly type: string;
  readonly name?: string;
  readonly components?: readonly AbiParameter[];
};

const decode = (types: readonly AbiParameter[], data: `0x${string}`): readonly unknown[] =>
  types.length === 0 ? [] : (AbiParameters.decode(types, data) as readonly unknown[]);

/** A value of dynamic or composite type is not itself in its topic, only its hash. */
const isHashed = ({ baseType }: ParamType): boolean =>
  ["string", "bytes", "array", "tuple"].includes(baseType);

const toAbi = (input: ParamType): AbiParameter => JSON.parse(input.format("json")) as AbiParameter;
