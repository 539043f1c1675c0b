/** OpenSSL's and Node's names for a certificate that is not believed, and for a handshake that cannot be. */
const refusals =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_CERT|ERROR_IN_CRL|CRL_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|HOSTNAME_MISMATCH$|ERR_TLS_|ERR_SSL_|EPROTO$)/;

/** What a connection says that broke after both had believed each other. */
const broken = /BAD_RECORD_MAC|UNEXPECTED_EOF|INTERNAL_ERROR/;

/** Words of clients that found no TLS where they asked for it, without a code. */
const noTls = /server does not support SSL|broker requires TLS/i;

/**
 * Whether a connection failed because one side would not believe the other, or does not speak TLS: nothing that waiting
 * heals. Looks through causes and the errors of an aggregate.
 */
export function isTlsRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isRefusalCode(error)) return true;
  if (noTls.test(error.message)) return true;
  if (error instanceof AggregateError && error.errors.some(isTlsRefusal)) return true;
  return error.cause !== error && isTlsRefusal(error.cause);
}

/** The stable name of what was wrong, such as `ERR_TLS_CERT_ALTNAME_INVALID`; holds no part of an address or secret. */
export function tlsRefusalOf(error: unknown): string {
  if (!(error instanceof Error)) return "TLS_REFUSED";
  if (isRefusalCode(error)) return error.code;
  if (noTls.test(error.message)) return "NO_TLS";
  const inner = [...(error instanceof AggregateError ? error.errors : []), error.cause].find(isTlsRefusal);
  return inner === undefined ? "TLS_REFUSED" : tlsRefusalOf(inner);
}

function isRefusalCode(error: Error): error is Error & { code: string } {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" && refusals.test(code) && !broken.test(code);
}
