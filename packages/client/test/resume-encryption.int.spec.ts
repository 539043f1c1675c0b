import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Decryptor, openBlock, profiles } from "@cos/fhe";
import { SIMULATED_TRAITS, type SimulatedCohort, simulateCohort, writeCohort } from "@cos/genomics";
import { type Digest, parseManifest, unwrap } from "@cos/protocol";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openSecret } from "../src/datasets/dataset-secret.ts";
import { cosHome } from "../src/home/cos-home.ts";
import { type EncryptChoice, type Encrypted, encryptCohort, openCohort } from "../src/index.ts";
import { DatasetVault } from "../src/keystore/dataset-vault.ts";

const passphrase = "a passphrase of the test";
const trait = SIMULATED_TRAITS.caseControl;

let folder: string;
let simulated: SimulatedCohort;
let prefix: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-resume-"));
  simulated = simulateCohort({ samples: 230, variants: 60, chromosomes: 5, seed: 3 });
  prefix = join(folder, "cohort");
  out = join(folder, "encrypted");
  unwrap(await writeCohort(prefix, simulated));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const homeOf = () => cosHome(join(folder, "home"));
const draftOf = () => `${out}.unfinished.age`;
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
const objects = async () => (await readdir(join(out, "objects"))).filter((name) => !name.endsWith(".part"));

/** The same command as a process of its own, killed once it has stored so many blocks. */
async function encryptUntilKilled(blocks: number): Promise<void> {
  const script = fileURLToPath(new URL("./encrypt-until-killed.ts", import.meta.url));
  const args = [script, join(folder, "home"), out, prefix, `${prefix}.pheno.tsv`, trait];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const gone = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    if (Number(line) >= blocks) break;
  }
  child.kill("SIGKILL");
  expect(await gone).toEqual([null, "SIGKILL"]);
}

async function encryptHere(
  change: Partial<EncryptChoice> = {},
  secret = passphrase,
): Promise<[Encrypted, number[]]> {
  const cohort = await openCohort({ bfile: prefix, pheno: `${prefix}.pheno.tsv`, phenoNames: [trait] });
  const steps: number[] = [];
  const choice = {
    name: "d",
    outDir: out,
    site: "clinic",
    consentClass: ["DUO:0000042"],
    assembly: "GRCh38",
  };
  try {
    const ring = { home: homeOf(), passphrase: secret, seal: { scryptLogN: 8 } };
    const done = await encryptCohort(ring, cohort, { ...choice, ...change }, (p) => steps.push(p.done));
    return [done, steps];
  } finally {
    await cohort.source.close();
  }
}

/** Opens every row of every genotype block and compares it with the file; @returns the seeds */
async function checkEveryRow(done: Encrypted): Promise<string[]> {
  const manifest = unwrap(parseManifest(await readFile(join(out, "manifest.json"))));
  const { key, ownerState } = await openSecret(new DatasetVault(homeOf()), done.keyId as Digest, passphrase);
  const indexOf = new Map(simulated.source.samples.map(({ familyId, id }, i) => [`${familyId}\t${id}`, i]));
  const personOf = new Map(
    Object.values(ownerState.segments).flatMap(({ people }) =>
      people.map(([familyId, id, row]) => [row, indexOf.get(`${familyId}\t${id}`) as number] as const),
    ),
  );
  expect(personOf.size).toBe(230);
  const seeds: string[] = [];
  for (const array of manifest.arrays) {
    const profile = profiles.find((p) => p.name === array.profile)!;
    const decryptor = await Decryptor.create(profile, key.secrets.get(profile.name) as Uint8Array);
    for (const { object, variantBlock } of array.blocks) {
      const block = unwrap(openBlock(await readFile(join(out, "objects", object.digest.slice(2)))));
      seeds.push(Buffer.from(block.seed).toString("hex"));
      if (variantBlock === null) continue;
      const { first, count } = array.variantBlocks[variantBlock]!;
      const genotypes = unwrap(await simulated.source.readBlock(first, count));
      for (const [position, row] of block.streamIndexes.entries()) {
        const opened = unwrap(decryptor.openSeeded(unwrap(block.ciphertext(position, 0))));
        const person = personOf.get(row);
        const base = Number(array.channels[1]!.at.multiplier);
        const expected = Array.from({ length: count }, (_, v) => {
          const at = v * genotypes.samples + (person ?? 0);
          return person === undefined ? 0 : genotypes.alleles[at]! + base * genotypes.called[at]!;
        });
        expect([...opened.subarray(0, count)]).toEqual(expected);
      }
    }
    decryptor.free();
  }
  return seeds;
}

it("goes on after SIGKILL: whole blocks are kept, the others made anew, and every row is right", async () => {
  await encryptUntilKilled(4);
  expect(await exists(join(out, "manifest.json"))).toBe(false);
  const left = (await readFile(join(out, "journal.jsonl"), "utf8")).split("\n").slice(0, -1);
  expect(left.length).toBeGreaterThanOrEqual(4);
  const stored = left.map((line) =>
    (JSON.parse(line) as { object: { digest: string } }).object.digest.slice(2),
  );
  // One of them does not survive the crash, and a note was torn.
  const torn = join(out, "objects", stored[1] as string);
  const bytes = await readFile(torn);
  await writeFile(torn, bytes.subarray(0, bytes.length - 1));
  await writeFile(join(out, "journal.jsonl"), `${left.join("\n")}\n{"label":{"arr`);

  const [done, steps] = await encryptHere();
  expect(steps).toEqual(steps.map((_, i) => i + 1)); // progress counts the kept ones too, one by one
  const seeds = await checkEveryRow(done);
  expect(new Set(seeds).size).toBe(seeds.length);
  const now = new Set(await objects());
  expect(stored.filter((digest) => now.has(digest))).toEqual(stored.filter((_, i) => i !== 1));
  expect(now.size).toBe(done.objects); // nothing lies there that the manifest does not name
  expect(await exists(draftOf())).toBe(false);
  expect((await readdir(out)).sort()).toEqual(["manifest.json", "objects"]);
});

it("goes on only with what it began with, and loses nothing by saying so", async () => {
  await encryptUntilKilled(2);
  const before = await objects();
  await expect(encryptHere({ site: "elsewhere" })).rejects.toMatchObject({ code: "DRAFT_MISMATCH" });
  await expect(encryptHere({}, "another")).rejects.toMatchObject({ code: "WRONG_PASSPHRASE" });
  const pheno = await readFile(`${prefix}.pheno.tsv`, "utf8");
  const first = pheno.split("\n")[1]!.split("\t");
  first[2] = first[2] === "1" ? "2" : "1";
  await writeFile(`${prefix}.pheno.tsv`, pheno.replace(/\n.*\n/, `\n${first.join("\t")}\n`));
  await expect(encryptHere()).rejects.toMatchObject({ code: "DRAFT_MISMATCH" });
  await writeFile(`${prefix}.pheno.tsv`, pheno);
  expect(await objects()).toEqual(before);

  const [done] = await encryptHere({ threads: 2 }); // how fast it goes is no part of it
  await checkEveryRow(done);
});

it("takes no block of another key from a folder whose draft is gone", async () => {
  await encryptUntilKilled(3);
  const before = await objects();
  await rm(draftOf());
  const [done] = await encryptHere();
  await checkEveryRow(done);
  const axis = unwrap(
    parseManifest(await readFile(join(out, "manifest.json"))),
  ).variantAxis.object.digest.slice(2);
  expect((await objects()).filter((name) => before.includes(name))).toEqual([axis]);
});
