import { parseAllDocuments } from "yaml";
import { schemaName } from "./kubernetes-schemas.ts";
import { type Schema, strictSchema } from "./strict-schema.ts";

type Definition = {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
};

/** JSON Schemas of custom resources out of their definitions (YAML), by the names that kubeconform asks for. */
export function crdSchemas(text: string): Map<string, object> {
  const found = new Map<string, object>();
  for (const document of parseAllDocuments(text)) {
    const definition = document.toJS() as Definition | null;
    if (definition?.kind !== "CustomResourceDefinition") continue;
    const { group, names, versions } = definition.spec;
    for (const { name: version, schema } of versions) {
      const strict = strictSchema(schema.openAPIV3Schema);
      const properties = {
        ...strict.properties,
        apiVersion: { const: `${group}/${version}` },
        kind: { const: names.kind },
        metadata: { type: "object" },
      };
      found.set(schemaName(group, version, names.kind), {
        ...strict,
        properties,
        required: [...new Set([...((strict.required as string[] | undefined) ?? []), "apiVersion", "kind"])],
      });
    }
  }
  return found;
}
