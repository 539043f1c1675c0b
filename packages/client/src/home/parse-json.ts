/** What a file of the home holds, before its schema has looked at it; undefined where that is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
