import { readFile } from "node:fs/promises";
import { DatasetVault, openSecret } from "@cos/client";
import type { Party } from "@cos/demo";
import { exportDatasetKey } from "@cos/fhe";
import { openPlink, readTrait } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import { encodings, type Needle, texts, windows } from "./needles.ts";

/** Everything of a hospital that must never leave it, in the encodings in which it could. */
export async function secretsOf(
  hospital: Party,
  bfile: string,
  pheno: string,
  column: string,
): Promise<Needle[]> {
  return [
    ...(await keyNeedles(hospital)),
    ...(await genotypeNeedles(bfile)),
    ...(await phenotypeNeedles(bfile, pheno, column)),
    ...(await personNeedles(bfile, pheno)),
  ];
}

/** The private keys that sign sessions and tickets: who has one is anybody. */
export async function signingKeyNeedles(file: string): Promise<Needle[]> {
  const { keys } = JSON.parse(await readFile(file, "utf8")) as { keys: { jwk: { d: string } }[] };
  return keys.flatMap(({ jwk: { d } }) => [
    ...encodings("signing key", Buffer.from(d, "base64url")),
    { name: "signing key (base64url)", bytes: Buffer.from(d) },
  ]);
}

async function keyNeedles({ home, ring, account }: Party): Promise<Needle[]> {
  const needles: Needle[] = [];
  const vault = new DatasetVault(home);
  for (const { keyId } of await vault.list()) {
    const { key } = await openSecret(vault, keyId as never, ring.passphrase);
    const [, ...parts] = windows(exportDatasetKey(key), 32, 512);
    for (const part of parts) needles.push(...encodings("secret key", part));
    for (const secret of key.secrets.values()) {
      for (const part of windows(secret, 32, 512).slice(1)) needles.push(...encodings("secret key", part));
    }
  }
  needles.push(...encodings("account key", Buffer.from(account.wallet.privateKey.slice(2), "hex")));
  needles.push(...encodings("age identity", Buffer.from(account.ageIdentity.slice(0, 60))));
  needles.push(...encodings("passphrase", Buffer.from(ring.passphrase)));
  return needles;
}

const bedHeaderBytes = 3;

/** Two-bit rows as PLINK stores them; dosages as bytes and as text, along people and along sites. */
async function genotypeNeedles(bfile: string): Promise<Needle[]> {
  const source = unwrap(await openPlink(bfile));
  const people = source.samples.length;
  const sites = source.variants.length;
  const bed = new Uint8Array(await readFile(`${bfile}.bed`)).subarray(bedHeaderBytes);
  const rowBytes = Math.ceil(people / 4);
  const needles: Needle[] = [];
  for (let v = 0; v < sites; v += 1) {
    for (const part of windows(bed.subarray(v * rowBytes, (v + 1) * rowBytes), 16)) {
      needles.push({ name: "genotypes (bed rows)", bytes: part });
    }
  }
  const block = unwrap(await source.readBlock(0, sites));
  const dosage = Uint8Array.from(block.dosage);
  await source.close();
  const along = (lines: readonly Uint8Array[], axis: string) => {
    for (const line of lines) {
      for (const part of windows(line, 32)) {
        needles.push({ name: `genotypes (bytes along ${axis})`, bytes: part });
        needles.push(...texts(`genotypes (text along ${axis})`, part));
      }
    }
  };
  const bySite = Array.from({ length: sites }, (_, v) => dosage.subarray(v * people, (v + 1) * people));
  const byPerson = Array.from({ length: people }, (_, s) =>
    Uint8Array.from(bySite, (row) => row[s] as number),
  );
  along(bySite, "people");
  along(byPerson, "sites");
  return needles;
}

async function phenotypeNeedles(bfile: string, file: string, column: string): Promise<Needle[]> {
  const source = unwrap(await openPlink(bfile));
  const { trait } = unwrap(await readTrait(source, { file, column }));
  await source.close();
  if (trait.kind !== "case-control") throw new TypeError("the scan knows case/control traits");
  const needles: Needle[] = [];
  const isCase = trait.status.map((status) => Number(status === 2));
  for (const codes of [trait.status, isCase]) {
    for (const part of windows(codes, 32)) {
      needles.push(...encodings("phenotypes (bytes)", part));
      needles.push(
        ...encodings("phenotypes (64-bit)", Buffer.from(BigUint64Array.from(part, BigInt).buffer)),
      );
      needles.push(...texts("phenotypes (text)", part));
    }
  }
  return needles;
}

async function personNeedles(bfile: string, pheno: string): Promise<Needle[]> {
  const source = unwrap(await openPlink(bfile));
  await source.close();
  const ids = source.samples.flatMap(({ id }) => encodings("sample id", Buffer.from(id)));
  const lines = (await readFile(pheno, "utf8")).split("\n").slice(1, -1);
  return [
    ...ids.filter(({ bytes }) => bytes.length >= 8),
    ...lines.map((line) => ({ name: "a line of the phenotype file", bytes: Buffer.from(line) })),
  ];
}
