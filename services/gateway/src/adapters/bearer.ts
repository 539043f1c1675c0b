/** The token of an `authorization: Bearer <token>` header or metadata entry. */
export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer ([\x21-\x7e]+)$/i.exec(header ?? "")?.[1];
