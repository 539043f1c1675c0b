/** What compute costs, in the fee token's smallest unit. */
export type Price = { readonly perComputeSecond: bigint; readonly perInputMebibyte: bigint };

/**
 * The compute share for a plan: seconds and mebibytes, each rounded up, for every replica.
 * @param computeSeconds one replica, estimated
 * @param inputBytes     one replica
 */
export function computeFee(
  price: Price,
  work: { computeSeconds: number; inputBytes: number; replicas: number },
): bigint {
  const seconds = BigInt(Math.ceil(work.computeSeconds));
  const mebibytes = BigInt(Math.ceil(work.inputBytes / 2 ** 20));
  return (seconds * price.perComputeSecond + mebibytes * price.perInputMebibyte) * BigInt(work.replicas);
}
