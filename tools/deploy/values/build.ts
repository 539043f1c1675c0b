/** Words of which the schema of values is built. Every object is strict: what it does not name is refused. */
export type Json = { readonly [key: string]: unknown };

export const object = (
  properties: Readonly<Record<string, Json>>,
  required: readonly string[] = [],
): Json => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...(required.length > 0 ? { required } : {}),
});

/** Keys that the deployment chooses, each of a form, each with the same kind of value. */
export const record = (keys: string, value: Json): Json => ({
  type: "object",
  patternProperties: { [keys]: value },
  additionalProperties: false,
});

export const list = (items: Json, more: Json = {}): Json => ({ type: "array", items, ...more });
export const oneOf = (...values: readonly string[]): Json => ({ type: "string", enum: values });
export const matching = (pattern: string): Json => ({ type: "string", pattern });
export const orEmpty = ({ pattern }: Json): Json => matching(`^$|${String(pattern)}`);
export const whole = (minimum: number, maximum: number): Json => ({ type: "integer", minimum, maximum });
export const share: Json = { type: "number", minimum: 0, maximum: 1 };
export const flag: Json = { type: "boolean" };
export const text: Json = { type: "string" };

/** Name of a Secret, ConfigMap, class or claim; empty for none. */
export const name = matching("^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$");
export const secretKey = matching("^[A-Za-z0-9._-]{1,253}$");
export const hostPort = matching("^[A-Za-z0-9.-]+:[0-9]{1,5}$");
/** No user, no password: what holds one is a Secret. */
export const plainUrl = matching("^https?://[^\\s/?#@]+([/?#][^\\s@]*)?$");
export const hostName = matching("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$");
export const address = matching("^0x[0-9a-fA-F]{40}$");
export const duration = matching("^([0-9]+(ms|s|m|h))+$");
export const quantity: Json = {
  type: ["string", "number"],
  pattern: "^[0-9]+(\\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$",
};
export const port = whole(1, 65_535);
export const texts: Json = { type: "object", additionalProperties: { type: "string" } };

const bounds = (required: boolean): Json =>
  object(
    { cpu: quantity, memory: quantity, "ephemeral-storage": quantity },
    required ? ["cpu", "memory"] : [],
  );
/** Every container has limits of both. */
export const resources = object({ requests: bounds(false), limits: bounds(true) }, ["limits"]);

export const toleration = object({
  key: text,
  operator: oneOf("Exists", "Equal"),
  value: text,
  effect: oneOf("NoSchedule", "PreferNoSchedule", "NoExecute"),
  tolerationSeconds: whole(0, 2_147_483_647),
});

const selector = object({
  matchLabels: texts,
  matchExpressions: list(
    object({ key: text, operator: oneOf("In", "NotIn", "Exists", "DoesNotExist"), values: list(text) }, [
      "key",
      "operator",
    ]),
  ),
});
const cidr = matching("^[0-9a-fA-F.:]+/[0-9]{1,3}$");
/** A NetworkPolicyPeer: addresses, or pods. */
export const peer: Json = {
  oneOf: [
    object({ ipBlock: object({ cidr, except: list(cidr) }, ["cidr"]) }, ["ipBlock"]),
    { ...object({ podSelector: selector, namespaceSelector: selector }), minProperties: 1 },
  ],
};

/** Number or percent of pods. */
export const away: Json = { oneOf: [whole(1, 10_000), matching("^([1-9][0-9]?|100)%$")] };
