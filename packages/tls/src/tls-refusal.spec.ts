import { expect, it } from "vitest";
import { isTlsRefusal, tlsRefusalOf } from "./tls-refusal.ts";

const coded = (code: string, message = "x") => Object.assign(new Error(message), { code });

it.each([
  ["an unknown authority", coded("SELF_SIGNED_CERT_IN_CHAIN")],
  ["an unknown issuer", coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE")],
  ["another name", coded("ERR_TLS_CERT_ALTNAME_INVALID")],
  ["an ended certificate", coded("CERT_HAS_EXPIRED")],
  ["an alert of the other side", coded("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA")],
])("knows %s", (_, error) => {
  expect(isTlsRefusal(error)).toBe(true);
  expect(tlsRefusalOf(error)).toBe((error as NodeJS.ErrnoException).code);
});

it("looks through causes and aggregates", () => {
  const deep = new Error("fetch failed", {
    cause: new AggregateError([coded("ECONNREFUSED"), coded("CERT_HAS_EXPIRED")]),
  });
  expect(isTlsRefusal(deep)).toBe(true);
  expect(tlsRefusalOf(deep)).toBe("CERT_HAS_EXPIRED");
});

it("calls a server without TLS by a name of its own", () => {
  expect(tlsRefusalOf(new Error("The server does not support SSL connections"))).toBe("NO_TLS");
});

it("leaves a lost connection alone", () => {
  const torn = "Client network socket disconnected before secure TLS connection was established";
  for (const error of [
    coded("ECONNRESET", torn),
    coded("ECONNREFUSED"),
    coded("ECONNRESET", "read ECONNRESET"),
    coded("ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC"),
    "text",
    undefined,
  ]) {
    expect(isTlsRefusal(error)).toBe(false);
  }
});
