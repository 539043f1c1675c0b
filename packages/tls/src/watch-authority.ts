import { CertificateWatch } from "./certificate-watch.ts";

/** A setting of TLS cannot work. Names the setting; never quotes a URL or what a file holds. */
export class TlsSettingError extends Error {
  readonly code = "TLS_SETTING_UNUSABLE";
  readonly setting: string;
  constructor(setting: string, problem: string, options?: ErrorOptions) {
    super(`${setting}: ${problem}`, options);
    this.name = "TlsSettingError";
    this.setting = setting;
  }
}

export interface AuthorityOptions {
  /** PEM file of the authorities that are believed, and no others. */
  readonly caFile: string;
  /** What is reached under them. */
  readonly url: string;
  /** How often the file is looked at; 10,000 when left out. */
  readonly refreshMs?: number | undefined;
}

/**
 * The authorities of one outgoing https wire, from a file that may be replaced while the process runs.
 * @param setting that names the file, for faults
 * @throws TlsSettingError when the URL is in the clear, the file cannot be read, or no certificate lies in it
 */
export async function watchAuthority(
  setting: string,
  { caFile, url, refreshMs }: AuthorityOptions,
): Promise<CertificateWatch> {
  if (new URL(url).protocol !== "https:") {
    throw new TlsSettingError(setting, "names an authority, and the URL that it is for is not https");
  }
  return CertificateWatch.open({ caFile }, refreshMs).catch((cause: NodeJS.ErrnoException) => {
    const unreadable =
      cause.syscall === undefined ? "holds no certificate" : `cannot be read (${cause.code})`;
    throw new TlsSettingError(setting, `the file ${unreadable}`, { cause });
  });
}
