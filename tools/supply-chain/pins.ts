/** Images that this repository builds itself; a deployment names their version. */
const own = /^cos\/(service|chain):/;

/** What a file fetches by a name that may mean other bytes tomorrow. @returns a fault for each */
export function unpinned(file: string, text: string): string[] {
  if (file.endsWith("package.json")) return unpinnedPackages(file, text);
  if (file.endsWith("Dockerfile")) return unpinnedBases(file, text);
  return [...text.matchAll(/^\s*image:\s*["']?([^\s"'#]+)/gm)]
    .map(([, image = ""]) => image)
    .filter((image) => !own.test(image) && !isExact(image))
    .map((image) => `${file}: image ${image} is not named by version or digest`);
}

function unpinnedPackages(file: string, text: string): string[] {
  const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
  return ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"].flatMap((kind) =>
    Object.entries(manifest[kind] ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${file}: ${name} is not one version but ${version}`),
  );
}

/** A stage of the same file is no image that is fetched. */
function unpinnedBases(file: string, text: string): string[] {
  const defaults = new Map(
    [...text.matchAll(/^ARG (\w+)=(\S*)/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
  const stages = new Set<string>();
  const faults: string[] = [];
  for (const [, named = "", stage] of text.matchAll(/^FROM (\S+)(?: AS (\S+))?/gm)) {
    const image = named.replace(/\$\{(\w+)\}/g, (_, name: string) => defaults.get(name) ?? "");
    if (!stages.has(image) && !isExact(image)) {
      faults.push(`${file}: base ${image} is not named by version or digest`);
    }
    if (stage !== undefined) stages.add(stage);
  }
  return faults;
}

function isExact(image: string): boolean {
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return true;
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return tag !== undefined && !/^(latest|stable|edge|main|master)$/.test(tag);
}
