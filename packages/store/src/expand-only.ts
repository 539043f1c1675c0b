/**
 * Why a step cannot run while processes of the release before it are at work; empty when it can. Such a step only adds:
 * tables with their indexes and first rows, sequences, indexes that are not unique, columns that may be null or have a
 * default. What is not known to be harmless is refused: a renamed, dropped or retyped column, and a new constraint on rows
 * that others write, break who does not know of it.
 */
export function notExpanding(sql: string): string[] {
  const made = new Set<string>();
  const reasons: string[] = [];
  for (const statement of statementsOf(sql)) {
    const table = /^CREATE TABLE (?:IF NOT EXISTS )?(\w+)/i.exec(statement)?.[1];
    if (table !== undefined) made.add(table.toLowerCase());
    else if (!isHarmless(statement, made)) reasons.push(statement.slice(0, 80));
  }
  return reasons;
}

function isHarmless(statement: string, made: ReadonlySet<string>): boolean {
  if (/^CREATE (SEQUENCE|INDEX)\b/i.test(statement) || /^COMMENT ON\b/i.test(statement)) return true;
  const unique = /^CREATE UNIQUE INDEX \w+ ON (\w+)/i.exec(statement)?.[1];
  const filled = /^INSERT INTO (\w+)/i.exec(statement)?.[1];
  const table = unique ?? filled;
  if (table !== undefined) return made.has(table.toLowerCase());
  const altered = /^ALTER TABLE (\w+) (.+)$/i.exec(statement);
  if (altered === null) return false;
  if (made.has(altered[1]?.toLowerCase() ?? "")) return true;
  return clausesOf(altered[2] ?? "").every(addsFreely);
}

/** A new column that who does not know it may leave out of an INSERT. */
function addsFreely(clause: string): boolean {
  if (!/^ADD COLUMN\b/i.test(clause)) return false;
  if (/\b(UNIQUE|PRIMARY KEY|REFERENCES|CHECK|GENERATED)\b/i.test(clause)) return false;
  return !/\bNOT NULL\b/i.test(clause) || /\bDEFAULT\b/i.test(clause);
}

/** Statements without comments, texts and line breaks; a body in dollar quotes is one that nothing here admits. */
function statementsOf(sql: string): string[] {
  return sql
    .replace(/--[^\n]*/g, " ")
    .replace(/\/\*[\s\S]*?\*\//g, " ")
    .replace(/'(?:[^']|'')*'/g, "''")
    .split(";")
    .map((statement) => statement.replace(/\s+/g, " ").trim())
    .filter((statement) => statement !== "");
}

/** What stands between commas that no brackets hold. */
function clausesOf(text: string): string[] {
  const clauses: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const sign = text[at];
    if (sign === "(") depth++;
    else if (sign === ")") depth--;
    else if (at === text.length || (sign === "," && depth === 0)) {
      clauses.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return clauses;
}
