/**
 * The only attributes that a span may carry: identifiers, counts and codes, as in log lines. Never a key, a genotype, a
 * phenotype, a sample id, a ciphertext, a URL (it may be presigned), a request body or an error's text.
 */
export const allowedAttributes = [
  "cos.job_id",
  "cos.task_id",
  "cos.message_id",
  "cos.topic",
  "cos.consumer",
  "cos.partition",
  "cos.mode",
  "cos.producer",
  "cos.attempt",
  "cos.region",
  "cos.outcome",
  "cos.state",
  "cos.code",
  "cos.stage",
  "cos.event",
  "cos.block_number",
  "cos.size_bytes",
  "cos.count",
  "cos.replica",
  "cos.compute_seconds",
  "cos.operation",
  "cos.change",
  "rpc.system",
  "rpc.service",
  "rpc.method",
  "rpc.grpc.status",
] as const;

export type AttributeName = (typeof allowedAttributes)[number];
export type SpanAttributes = Partial<Record<AttributeName, string | number | boolean>>;

const names: ReadonlySet<string> = new Set(allowedAttributes);

/** What of some attributes may leave the process. */
export const keepAllowed = <V>(attributes: Readonly<Record<string, V>>): Record<string, V> =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => names.has(name)));
