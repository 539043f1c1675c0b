/** `warn`: works, but is not as it should be, or nobody needs it yet. `bad`: somebody is stuck on it. */
export type Level = "ok" | "warn" | "bad";

/** One thing that was looked at. */
export type Check = {
  readonly name: string;
  readonly level: Level;
  /** What was found. */
  readonly says: string;
  /** What to do about it. */
  readonly fix?: string;
};

export const fine = (name: string, says: string): Check => ({ name, level: "ok", says });
export const warning = (name: string, says: string, fix: string): Check => ({
  name,
  level: "warn",
  says,
  fix,
});
export const bad = (name: string, says: string, fix: string): Check => ({ name, level: "bad", says, fix });

/** `a, b and c`. */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
