import { mapValues, type Schema, strictSchema } from "./strict-schema.ts";

type Swagger = { readonly definitions: Readonly<Record<string, Schema>> };
type Kind = { readonly group: string; readonly version: string; readonly kind: string };

/** Groups that a chart may speak of; others would only take space. */
const groups = new Set([
  "",
  "apps",
  "autoscaling",
  "batch",
  "networking.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "scheduling.k8s.io",
]);

/**
 * JSON Schemas of built-in kinds out of a Kubernetes' OpenAPI document, by the names that kubeconform asks for, such as
 * `deployment-apps-v1`.
 */
export function kubernetesSchemas({ definitions }: Swagger): Map<string, object> {
  const strict = mapValues(definitions, strictSchema);
  const quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
  if (quantity in strict) strict[quantity] = { type: ["string", "number"] };
  const found = new Map<string, object>();
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition["x-kubernetes-group-version-kind"] ?? []) as readonly Kind[];
    const [only] = kinds;
    if (kinds.length !== 1 || only === undefined || !groups.has(only.group)) continue;
    const { group, version, kind } = only;
    const own = strict[name] as Schema;
    const schema = {
      ...own,
      properties: {
        ...own.properties,
        apiVersion: { const: group === "" ? version : `${group}/${version}` },
        kind: { const: kind },
      },
      required: [...new Set([...((own.required as string[] | undefined) ?? []), "apiVersion", "kind"])],
      definitions: Object.fromEntries([...namedBy(own, strict)].map((each) => [each, strict[each]])),
    };
    found.set(schemaName(group, version, kind), schema);
  }
  return found;
}

/** `deployment-apps-v1`; of a group's name kubeconform takes the first word. */
export const schemaName = (group: string, version: string, kind: string): string =>
  [kind.toLowerCase(), ...(group === "" ? [] : [group.split(".")[0]]), version].join("-");

/** Every definition that a schema refers to, directly or not. */
function namedBy(
  schema: Schema,
  all: Readonly<Record<string, Schema>>,
  known = new Set<string>(),
): Set<string> {
  for (const [, name = ""] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    const next = all[name];
    if (next === undefined || known.has(name)) continue;
    known.add(name);
    namedBy(next, all, known);
  }
  return known;
}
