import { parse } from "yaml";

export type ValueDoc = {
  /** `gateway.signingKeys.key`. */
  readonly path: string;
  /** What `# --` says above it; empty where nothing does. */
  readonly meaning: string;
  /** As JSON. */
  readonly byDefault: string;
};

/**
 * Reads what values.yaml says of its values: every key that is not a section of further keys, with the `# --` comment
 * above it.
 */
export function readValuesDocs(text: string): ValueDoc[] {
  const values: unknown = parse(text);
  const docs: ValueDoc[] = [];
  const path: { key: string; indent: number }[] = [];
  let meaning = "";
  for (const line of text.split("\n")) {
    const comment = /^\s*# -- (.*)$/.exec(line)?.[1];
    if (comment !== undefined) {
      meaning = comment;
      continue;
    }
    const [, spaces = "", key, rest = ""] = /^( *)([A-Za-z][\w-]*):\s*(.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    while ((path.at(-1)?.indent ?? -1) >= spaces.length) path.pop();
    // Below a documented key stands its default, not another value.
    const inside = path.map((each) => each.key).join(".");
    if (docs.some((doc) => doc.path === inside)) continue;
    path.push({ key, indent: spaces.length });
    const names = path.map((each) => each.key);
    const found = names.reduce<unknown>((at, each) => (at as Record<string, unknown>)[each], values);
    const isSection = rest === "" && meaning === "" && typeof found === "object" && !Array.isArray(found);
    if (!isSection) docs.push({ path: names.join("."), meaning, byDefault: JSON.stringify(found) });
    meaning = "";
  }
  return docs;
}
