import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../../proto", import.meta.url));

/**
 * What the wire contracts say about their own fields: field name in lower camel case to the comment above it. Where a
 * name has several comments, the longest is kept: it says most.
 */
export function protoComments(): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".proto")) continue;
    let comment: string[] = [];
    for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
      const text = /^\s*\/\/ ?(.*)$/.exec(line)?.[1];
      if (text !== undefined) {
        comment.push(text);
        continue;
      }
      const name = /^\s*(?:repeated |optional )?[\w.]+ (\w+) = \d+;/.exec(line)?.[1];
      if (name !== undefined && comment.length > 0) keepLongest(comments, camelCase(name), comment.join(" "));
      comment = [];
    }
  }
  return comments;
}

function keepLongest(comments: Map<string, string>, name: string, text: string): void {
  if ((comments.get(name)?.length ?? 0) < text.length) comments.set(name, text);
}

/** `grant_id` and `grantId` are one field. */
export const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
