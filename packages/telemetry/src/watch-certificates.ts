import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Telemetry } from "./telemetry.ts";

/**
 * Reads at each scrape when certificates end, from their files, so that a renewed one is seen at once. Of a chain the
 * certificate that ends first counts.
 *
 * @param files PEM files by the certificate's part, such as `server`, `client` or `authority`
 */
export function watchCertificates({ metrics }: Telemetry, files: Readonly<Record<string, string>>): void {
  for (const [certificate, file] of Object.entries(files)) {
    metrics.collect(`certificate-${certificate}`, async (set) => {
      const ends = pemBlocks(await readFile(file, "utf8")).map((pem) =>
        Date.parse(new X509Certificate(pem).validTo),
      );
      if (ends.length === 0) throw new TypeError("no certificate in the file");
      set("certificateExpiry", { certificate }, Math.min(...ends) / 1000);
    });
  }
}

const pemBlocks = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
