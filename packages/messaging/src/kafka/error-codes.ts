/** The broker's own code, where the error carries one, else the client's. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "UNKNOWN";
  if ("apiId" in error && typeof error.apiId === "string") return error.apiId;
  if (error instanceof AggregateError) {
    const codes = error.errors.map(codeOf);
    return codes.find((code) => !code.startsWith("PLT_")) ?? codes[0] ?? error.name;
  }
  if (error.cause instanceof Error) return codeOf(error.cause);
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
