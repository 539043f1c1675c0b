import { fetchUnder, type TlsMaterial, watchAuthority } from "@cos/tls";
import type { Unwinder } from "./unwinder.ts";

/**
 * The authorities of an outgoing https wire, read again while the process runs; undefined where no file is named.
 * @param setting that names the file, such as `COS_RPC_CA_FILE`
 * @param url undefined where the wire is not used: its authority is not looked at then
 * @throws TlsSettingError when the URL is in the clear or the file cannot be used
 */
export async function wireAuthority(
  setting: string,
  caFile: string | undefined,
  url: string | undefined,
  ends: Unwinder,
): Promise<TlsMaterial | undefined> {
  if (caFile === undefined || url === undefined) return undefined;
  const watch = await watchAuthority(setting, { caFile, url });
  ends.add(async () => watch.close());
  return watch;
}

/**
 * `fetch` that believes the file's authorities and no others; undefined, and thereby everybody's, where no file is named.
 * @throws TlsSettingError as `wireAuthority` does
 */
export async function wireFetch(
  setting: string,
  caFile: string | undefined,
  url: string,
  ends: Unwinder,
): Promise<typeof fetch | undefined> {
  const authority = await wireAuthority(setting, caFile, url, ends);
  if (authority === undefined) return undefined;
  const secure = fetchUnder(authority);
  ends.add(() => secure.close());
  return secure.fetch;
}
