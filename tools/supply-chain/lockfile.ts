import { readFile } from "node:fs/promises";

/** One entry of `packages` in a lockfile of version 3. */
export type Locked = {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
};

/** A package of the registry as the lockfile pins it. */
export type LockedPackage = Locked & { readonly name: string; readonly path: string };

/** The lockfile's packages that come from outside, each place where one is installed. */
export async function readLockfile(file = "package-lock.json"): Promise<LockedPackage[]> {
  const lock = JSON.parse(await readFile(file, "utf8")) as {
    lockfileVersion: number;
    packages: Record<string, Locked>;
  };
  if (lock.lockfileVersion !== 3) throw new Error(`${file} is of version ${lock.lockfileVersion}, not 3`);
  return lockedPackages(lock.packages);
}

export function lockedPackages(packages: Readonly<Record<string, Locked>>): LockedPackage[] {
  const marker = "node_modules/";
  return Object.entries(packages)
    .filter(([path, { link }]) => path.includes(marker) && link !== true)
    .map(([path, locked]) => ({
      ...locked,
      path,
      name: path.slice(path.lastIndexOf(marker) + marker.length),
    }));
}
