/** A real part that runs: a broker, a database, a cache, an object store. */
export type Part = {
  readonly name: string;
  readonly version: string;
  /** Variables by which tests and services find it. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};
