import { readFile } from "node:fs/promises";
import type { KafkaOptions } from "@cos/messaging";
import { isLoopback } from "@cos/service-host";
import type { TlsMaterial } from "@cos/tls";
import type { PartConfig } from "./part-settings.ts";

/**
 * How to reach the brokers by the settings.
 * @throws when the settings would send a password in the clear off the loopback, or contradict each other
 */
export async function kafkaSettings(
  config: PartConfig,
  certificates: TlsMaterial | undefined,
): Promise<Pick<KafkaOptions, "brokers" | "oldestBackupDays" | "patienceMs" | "tls" | "sasl">> {
  const { brokers = [], brokersTls, brokersSasl, brokersSaslFile, plaintext } = config;
  if (brokersTls === false && certificates) {
    throw new Error("COS_BROKERS_TLS is off, and certificate files are set for the brokers");
  }
  if ((brokersSasl === undefined) !== (brokersSaslFile === undefined)) {
    throw new Error("COS_BROKERS_SASL and COS_BROKERS_SASL_FILE are set together or not at all");
  }
  const tls = certificates ?? (brokersTls ? {} : undefined);
  const staysHere = brokers.every((broker) => isLoopback(broker.slice(0, broker.lastIndexOf(":"))));
  if (brokersSasl === "plain" && tls === undefined && !plaintext && !staysHere) {
    throw new Error(
      "the password for the brokers would travel in the clear: set COS_BROKERS_TLS or COS_BROKERS_CA_FILE, or " +
        "COS_PLAINTEXT=true where another layer encrypts",
    );
  }
  return {
    brokers,
    oldestBackupDays: config.oldestBackupDays,
    patienceMs: config.brokersPatienceSeconds * 1000,
    ...(tls ? { tls } : {}),
    ...(brokersSasl && brokersSaslFile ? { sasl: await saslOf(brokersSasl, brokersSaslFile) } : {}),
  };
}

async function saslOf(mechanism: NonNullable<PartConfig["brokersSasl"]>, file: string) {
  const [username = "", ...rest] = (await readFile(file, "utf8")).trim().split(":");
  return { mechanism, username, password: rest.join(":") };
}
