/**
 * `npm run sbom`: writes `out/sbom/cos.cdx.json`, or the file that is named, the CycloneDX bill of materials of what runs
 * in production, by npm's own `npm sbom`, the same bytes for the same lockfile.
 *
 * `npm sbom --omit=dev` itself leaves out what one workspace needs to run and another only to test (npm 11.19, 96 packages
 * here, `ethers` among them), so the whole bill is asked for and what the lockfile marks as `dev` is taken out.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../parts/run-command.ts";
import { type LockedPackage, readLockfile } from "./lockfile.ts";

export type Bom = {
  readonly serialNumber?: string;
  readonly metadata: { readonly timestamp?: string; readonly [key: string]: unknown };
  readonly components: readonly { readonly "bom-ref": string; readonly [key: string]: unknown }[];
  readonly dependencies?: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly [key: string]: unknown;
};

/** Takes out of a bill of materials what differs from run to run and from folder to folder. @param lockfile its bytes name the bill */
export function plainBom(bom: Bom, lockfile: string): Bom {
  const { timestamp: _, ...metadata } = bom.metadata;
  const component = metadata.component as { name: string; "bom-ref": string } | undefined;
  const name = component?.["bom-ref"].replace(/@[^@]*$/, "");
  return {
    ...bom,
    serialNumber: `urn:uuid:${uuidOf(lockfile)}`,
    metadata: component === undefined ? metadata : { ...metadata, component: { ...component, name } },
    components: bom.components.toSorted((a, b) => (a["bom-ref"] < b["bom-ref"] ? -1 : 1)),
  };
}

/** A UUID of version 8 (RFC 9562, section 5.8) from a text's SHA-256. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  const variant = ((Number.parseInt(hex[16] ?? "0", 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** What is left of a bill without what only tests and builds need. */
export function productionOf(bom: Bom, locked: readonly LockedPackage[]): Bom {
  const refOf = ({ name, version = "" }: LockedPackage) => `${name}@${version}`;
  const kept = new Set(locked.filter(({ dev }) => dev !== true).map(refOf));
  const gone = new Set(locked.map(refOf).filter((ref) => !kept.has(ref)));
  const { dependencies = [] } = bom;
  return {
    ...bom,
    components: bom.components.filter((one) => !gone.has(one["bom-ref"])),
    dependencies: dependencies
      .filter(({ ref }) => !gone.has(ref))
      .map((one) => ({ ...one, dependsOn: one.dependsOn.filter((ref) => !gone.has(ref)) })),
  };
}

async function writeBom(file: string): Promise<void> {
  const said = await runCommand("npm", ["sbom", "--package-lock-only", "--sbom-format=cyclonedx"]);
  const locked = await readLockfile();
  const lockfile = await readFile("package-lock.json", "utf8");
  const bom = plainBom(productionOf(JSON.parse(said) as Bom, locked), lockfile);
  const refs = new Set(bom.components.map((one) => one["bom-ref"]));
  const missing = locked
    .filter(({ dev, optional }) => dev !== true && optional !== true)
    .map(({ name, version = "" }) => `${name}@${version}`)
    .filter((ref) => !refs.has(ref));
  if (missing.length > 0) throw new Error(`the bill of materials lacks ${missing.join(", ")}`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(bom, null, 2)}\n`);
  console.log(`${file}: ${refs.size} components`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeBom(process.argv[2] ?? "out/sbom/cos.cdx.json");
}
