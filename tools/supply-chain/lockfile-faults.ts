import type { LockedPackage } from "./lockfile.ts";

/** Licences under which a dependency may be: each lets this platform be run, changed and handed on under its own. */
const allowed = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BSL-1.0",
  "ISC",
  "MIT",
  // Its own files stay under it; nothing here changes them.
  "MPL-2.0",
]);

/** Packages whose manifest names no licence, with the one that lies in them as a file. Read before one is added. */
const statedElsewhere: Readonly<Record<string, string>> = {
  busboy: "MIT",
  memorystream: "MIT",
  streamsearch: "MIT",
};

/**
 * What is wrong with packages as a lockfile pins them: bytes that nothing vouches for, a place other than the registry, a
 * script that nobody allowed, a licence that nobody read.
 * @param allowedScripts `name@version` of packages whose install scripts may run
 */
export function lockfileFaults(
  packages: readonly LockedPackage[],
  allowedScripts: ReadonlySet<string>,
): string[] {
  const faults: string[] = [];
  for (const { name, path, version = "", integrity, inBundle, resolved, license, ...rest } of packages) {
    const at = `${path} ${version}`;
    if (inBundle !== true && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "")) {
      faults.push(`${at}: no sha512 of its bytes`);
    }
    if (resolved !== undefined && !/^https:\/\/[^/]+\/.*\.tgz$/.test(resolved)) {
      faults.push(`${at}: comes from ${resolved.split(":")[0]}:, not from a registry`);
    }
    if (rest.hasInstallScript === true && !allowedScripts.has(`${name}@${version}`)) {
      faults.push(`${at}: has an install script that package.json does not allow`);
    }
    const licence = license ?? statedElsewhere[name];
    if (licence === undefined) faults.push(`${at}: names no licence`);
    else if (!mayUse(licence)) faults.push(`${at}: is under ${licence}, which is not on the list`);
  }
  return faults;
}

/** SPDX expressions as manifests use them: of what is joined by OR one must be allowed, of what is joined by AND all. */
function mayUse(expression: string): boolean {
  const bare = expression.trim().replace(/^\(([^()]*)\)$/, "$1");
  if (bare.includes("(")) return false;
  return bare.split(" OR ").some((choice) => choice.split(" AND ").every((one) => allowed.has(one.trim())));
}
