/** A node of an OpenAPI schema. */
export type Schema = {
  readonly type?: string | string[];
  readonly format?: string;
  readonly nullable?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly [key: string]: unknown;
};

/** Lists of schemas beside the structure, whose members say rules and no structure of their own. */
const rules = ["allOf", "anyOf", "oneOf", "not"] as const;

/**
 * An OpenAPI schema of Kubernetes as JSON Schema in which a field that nobody declared is a fault: what `kubectl
 * --validate=strict` refuses. Descriptions go.
 */
export function strictSchema(schema: Schema): Schema {
  if (schema["x-kubernetes-int-or-string"] === true || schema.format === "int-or-string") {
    return { type: ["integer", "string"] };
  }
  const { description: _, nullable, properties, items, additionalProperties, ...rest } = schema;
  const kept = Object.fromEntries(
    Object.entries(rest).filter(([key]) => !key.startsWith("x-") && key !== "default" && key !== "example"),
  );
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
  return {
    ...kept,
    ...(nullable && typeof schema.type === "string" ? { type: [schema.type, "null"] } : {}),
    ...(properties ? { properties: mapValues(properties, strictSchema) } : {}),
    ...(items ? { items: strictSchema(items) } : {}),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: strictSchema(additionalProperties) }
      : properties && !isOpen
        ? { additionalProperties: false }
        : {}),
    // Within rules only what they say counts; their properties are of the structure outside.
    ...Object.fromEntries(rules.filter((rule) => rule in schema).map((rule) => [rule, schema[rule]])),
  };
}

export const mapValues = <T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => U,
): Record<string, U> => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
