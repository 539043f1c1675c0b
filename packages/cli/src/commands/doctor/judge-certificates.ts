import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Platform } from "@cos/client";
import type { Context } from "../../context.ts";
import { bad, type Check, fine, warning } from "./check.ts";
import type { SeenService } from "./look-at-service.ts";

type Held = { readonly whose: string; readonly endsAt: number };

const daySeconds = 86_400;
const soonSeconds = 14 * daySeconds;
const renew = "renew them (compose: docker compose run --rm prepare), then fetch the platform file again";

/** When the certificates in use end. @param now Unix seconds */
export function judgeCertificates(held: readonly Held[], now: number): readonly Check[] {
  const [first, ...more] = held.toSorted((one, other) => one.endsAt - other.endsAt);
  if (first === undefined) return [];
  const day = new Date(first.endsAt * 1000).toISOString().slice(0, 10);
  const together = more.some(({ endsAt }) => endsAt === first.endsAt);
  const whose = `${first.whose}${together ? " and others" : ""}`;
  if (first.endsAt <= now) return [bad("certificates", `${whose} ended on ${day}`, renew)];
  const days = Math.floor((first.endsAt - now) / daySeconds);
  const says = `${whose} ${together ? "end" : "ends"} first, on ${day}, in ${days} days`;
  return first.endsAt - now < soonSeconds
    ? [warning("certificates", says, renew)]
    : [fine("certificates", says)];
}

/** What services showed, the platform file's authority, and an operator's own where one is set. */
export async function certificatesHeld(
  { io, path }: Pick<Context, "io" | "path">,
  tls: Platform["tls"],
  seen: readonly SeenService[],
): Promise<{ readonly held: readonly Held[]; readonly unreadable: readonly Check[] }> {
  const shown = seen.flatMap(({ name, certificate }) =>
    certificate === undefined ? [] : [{ whose: `${name}'s`, endsAt: certificate.endsAt }],
  );
  const authority = tls === undefined ? [] : [{ whose: "the authority's", endsAt: endOf(tls.ca) }];
  const file = io.env.COS_TLS_CERT_FILE;
  if (file === undefined) return { held: [...shown, ...authority], unreadable: [] };
  try {
    const own = { whose: "the operator's", endsAt: endOf(await readFile(path(file), "utf8")) };
    return { held: [...shown, ...authority, own], unreadable: [] };
  } catch {
    const unreadable = bad(
      "own certificate",
      `COS_TLS_CERT_FILE names ${file}, which holds no certificate`,
      "correct the setting, or unset it: only `cos ops` needs it",
    );
    return { held: [...shown, ...authority], unreadable: [unreadable] };
  }
}

const endOf = (pem: string): number => Date.parse(new X509Certificate(pem).validTo) / 1000;
