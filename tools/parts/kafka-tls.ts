import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerTls } from "./server-tls.ts";

/**
 * Broker settings by which clients come over TLS with a password (SASL PLAIN), and no other way. For a cluster of one:
 * brokers do not sign in to each other.
 * @param folder where the broker's key is written as it wants it
 */
export async function kafkaTlsSettings(
  { certFile, keyFile, caFile, mutual }: ServerTls,
  { folder, user, password }: { readonly folder: string; readonly user: string; readonly password: string },
): Promise<Record<string, string>> {
  const keystore = join(folder, "broker.pem");
  const pem = await Promise.all([keyFile, certFile].map((file) => readFile(file, "utf8")));
  await writeFile(keystore, pem.join("\n"), { mode: 0o600 });
  const module = "org.apache.kafka.common.security.plain.PlainLoginModule";
  return {
    "listener.security.protocol.map": "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.name.plaintext.ssl.client.auth": mutual ? "required" : "none",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": keystore,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": caFile,
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": `${module} required user_${user}="${password}";`,
  };
}
