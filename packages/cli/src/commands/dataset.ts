import { writeFile } from "node:fs/promises";
import {
  appendCohort,
  type CohortFiles,
  CosFailure,
  DatasetVault,
  type Encrypted,
  encryptCohort,
  fetchManifest,
  type Keyring,
  openCohort,
  openOwnDataset,
  orFail,
  publishDataset,
  readDataset,
  readVersion,
  toHex,
  type WithdrawalCertificate,
  withdrawPeople,
} from "@cos/client";
import type { Command } from "commander";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { type CommandResult, formatTime, megabytes, shortHex, table } from "../output.ts";
import { chainNumber, collect, readText, wholeNumber } from "./parse.ts";

type CohortOptions = {
  bfile?: string;
  vcf?: string;
  pheno?: string;
  phenoName?: string[];
  kind?: string;
  species?: string;
  sexName?: string;
  unmatched?: string;
  halfCalls?: string;
  multiallelic?: string;
  extraContigs?: string;
  out: string;
  kit?: string;
  site: string;
  consent?: string[];
  rows?: string;
  threads?: string;
};

/** `cos dataset …`: the owner's data. */
export function addDatasetCommands(program: Command, act: Act): void {
  const dataset = program.command("dataset").description("encrypt, publish, list, show, append, withdraw");
  cohortOptions(
    dataset.command("encrypt").description("encrypt a cohort at home, under a fresh key, into a folder"),
  )
    .option("--name <name>", "your own name for it; never published", "dataset")
    .option("--assembly <name>", "assembly of the coordinates, such as GRCh38 or GRCm39", "unspecified")
    .option("--all-layouts", "publish layouts for both kinds of traits, so that either can be added later")
    .option(
      "--fix-phenotype <name>",
      "fix a case/control trait into genotypes of their own: its test is one cheap sum; may be repeated",
      collect,
    )
    .option("--fixed-only", "publish those genotypes alone: no other trait can be tested or added later")
    .action(act(encrypt));
  dataset
    .command("publish")
    .description("upload an encrypted folder and anchor it on chain; refused until a restore was tested")
    .argument("<dir>", "what `dataset encrypt` or `dataset append` wrote")
    .option("--region <name>", "region that the data must not leave", "")
    .action(act(publish));
  dataset
    .command("list")
    .description("datasets on this platform")
    .option("--mine", "only the account's own")
    .action(act(list));
  dataset
    .command("show")
    .description("one dataset; its manifest too, for its owner")
    .argument("<dataset>", "number on chain")
    .option("--manifest", "fetch the manifest (owner only)")
    .action(act(show));
  cohortOptions(
    dataset.command("append").description("encrypt more people for a published dataset, into a new folder"),
  )
    .argument("<dataset>", "number on chain")
    .option("--segment <name>", "name of the new segment")
    .option("--discard-pending", "forget people who were appended before and never published")
    .action(act(append));
  dataset
    .command("withdraw")
    .description("delete people's rows everywhere, anchor a version without them, print a certificate")
    .argument("<dataset>", "number on chain")
    .option("--sample <id>", "a person's id as in the genotype file; may be repeated", collect)
    .option("--samples <file>", "ids, one a line (IID, or FID<tab>IID)")
    .option("--consent-changed", "the version's reason is a changed consent, not a withdrawal")
    .option("--certificate <file>", "write the certificate there too")
    .action(act(withdraw));
}

function cohortOptions(command: Command): Command {
  return command
    .option("--bfile <prefix>", "PLINK 1 binary files PREFIX.bed, .bim, .fam")
    .option("--vcf <file>", "VCF 4.x, plain or compressed")
    .option("--pheno <file>", "phenotypes: a table with FID IID and traits, or IID and traits")
    .option("--pheno-name <column>", "a trait to encrypt; may be repeated", collect)
    .option("--kind <kind>", "take the traits as case-control or quantitative instead of recognising it")
    .option("--species <name>", "names the chromosome codes", "human")
    .option("--sex-name <column>", "column of the phenotype file that holds sexes")
    .option("--unmatched <how>", "people in only one file: refuse or missing", "refuse")
    .option("--half-calls <how>", "VCF calls such as 0/.: missing or refuse", "missing")
    .option("--multiallelic <how>", "records with several ALT alleles: split or refuse", "split")
    .option("--extra-contigs <how>", "contigs outside the species' table: refuse or keep", "refuse")
    .requiredOption("--out <dir>", "folder for the encrypted dataset")
    .option("--kit <file>", "where the recovery kit goes (default OUT.recovery-kit.age)")
    .option("--site <name>", "where the people were recruited", "site-1")
    .option(
      "--consent <code>",
      "GA4GH DUO code of the consent; may be repeated (default DUO:0000042)",
      collect,
    )
    .option("--rows <n>", "published row count, padding included (default: next 50 above the people)")
    .option("--threads <n>", "threads that encrypt (default: one per core)");
}

async function encrypt(
  context: Context,
  options: CohortOptions & {
    name: string;
    assembly: string;
    allLayouts?: boolean;
    fixPhenotype?: string[];
    fixedOnly?: boolean;
  },
): Promise<CommandResult> {
  if (options.fixedOnly === true && (options.fixPhenotype === undefined || options.allLayouts === true)) {
    throw new CosFailure(
      "usage",
      "BAD_ARGUMENT",
      "--fixed-only goes with --fix-phenotype, not --all-layouts",
    );
  }
  const ring = await keyring(context);
  const cohort = await openCohort(cohortFiles(context, options));
  const bar = context.out.bar("encrypting", "blocks");
  try {
    const choice = {
      name: options.name,
      assembly: options.assembly,
      allLayouts: options.allLayouts === true,
      fixedOnly: options.fixedOnly === true,
      ...(options.fixPhenotype === undefined ? {} : { fixTraits: options.fixPhenotype }),
      ...encryptChoice(context, options),
    };
    const done = await encryptCohort(ring, cohort, choice, ({ done, total }) => bar.update(done, total));
    return encrypted(done);
  } finally {
    bar.stop();
    await cohort.source.close();
  }
}

async function append(
  context: Context,
  datasetId: string,
  options: CohortOptions & { segment?: string; discardPending?: boolean },
): Promise<CommandResult> {
  const id = chainNumber(datasetId, "DATASET");
  const ring = { ...(await keyring(context)), account: await context.localAccount() };
  const client = await context.client();
  const cohort = await openCohort(cohortFiles(context, options));
  const bar = context.out.bar("encrypting", "blocks");
  try {
    const choice = {
      ...encryptChoice(context, options),
      discardPending: options.discardPending === true,
      ...(options.segment === undefined ? {} : { segment: options.segment }),
    };
    const done = await appendCohort(client, ring, id, cohort, choice, ({ done, total }) =>
      bar.update(done, total),
    );
    return encrypted(done);
  } finally {
    bar.stop();
    await cohort.source.close();
  }
}

/** Vault, passphrase and, where there is exactly one or a named account, the account that goes into the kit. */
async function keyring(context: Context): Promise<Keyring> {
  const passphrase = await context.passphrase();
  return { home: context.home, passphrase, seal: context.seal, account: await context.localAccount() };
}

const encryptChoice = (context: Context, options: CohortOptions) => ({
  outDir: context.path(options.out),
  site: options.site,
  consentClass: options.consent ?? ["DUO:0000042"],
  ...(options.kit === undefined ? {} : { kitPath: context.path(options.kit) }),
  ...(options.rows === undefined ? {} : { rowsPadded: wholeNumber(options.rows, "--rows", 1) }),
  ...(options.threads === undefined ? {} : { threads: wholeNumber(options.threads, "--threads", 1, 1024) }),
});

function cohortFiles(context: Context, options: CohortOptions): CohortFiles {
  return {
    ...(options.bfile === undefined ? {} : { bfile: context.path(options.bfile) }),
    ...(options.vcf === undefined ? {} : { vcf: context.path(options.vcf) }),
    ...(options.pheno === undefined ? {} : { pheno: context.path(options.pheno) }),
    ...(options.phenoName === undefined ? {} : { phenoNames: options.phenoName }),
    ...(options.kind === undefined
      ? {}
      : { kind: oneOf(options.kind, "--kind", ["case-control", "quantitative"]) }),
    ...(options.species === undefined ? {} : { species: options.species }),
    ...(options.sexName === undefined ? {} : { sexName: options.sexName }),
    unmatched: oneOf(options.unmatched ?? "refuse", "--unmatched", ["refuse", "missing"]),
    halfCalls: oneOf(options.halfCalls ?? "missing", "--half-calls", ["refuse", "missing"]),
    multiallelic: oneOf(options.multiallelic ?? "split", "--multiallelic", ["split", "refuse"]),
    extraContigs: oneOf(options.extraContigs ?? "refuse", "--extra-contigs", ["refuse", "keep"]),
  };
}

function oneOf<const T extends string>(text: string, name: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === text);
  if (found !== undefined) return found;
  throw new CosFailure("usage", "BAD_ARGUMENT", `${name} is ${allowed.join(" or ")}, not '${text}'`);
}

function encrypted(done: Encrypted): CommandResult {
  const { notes } = done;
  const remarks = [
    notes.splitRecords > 0 ? `${notes.splitRecords} multi-allelic records were split` : "",
    notes.halfCalls > 0 ? `${notes.halfCalls} half-missing calls count as missing` : "",
    notes.haploidCalls > 0 ? `${notes.haploidCalls} haploid calls` : "",
  ].filter((line) => line !== "");
  return {
    data: done,
    text: [
      `encrypted   ${done.variants} variants, ${done.rowsPadded} published rows, ${done.traits.length} trait(s)`,
      `written     ${done.objects} objects, ${megabytes(done.bytes)}, to ${done.dir}`,
      `key         ${done.keyId} (in your keystore; it never leaves it)`,
      `kit         ${done.kit}`,
      ...remarks.map((line) => `note        ${line}`),
      "next        cos keys restore --check KIT, keep the kit elsewhere, then cos dataset publish DIR",
    ],
  };
}

async function publish(
  context: Context,
  dir: string,
  { region }: { region: string },
): Promise<CommandResult> {
  const client = await context.client();
  const owner = await context.account();
  const bar = context.out.bar("uploading", "MB");
  try {
    const done = await publishDataset(client, context.home, owner, context.path(dir), {
      region,
      onProgress: (sent, total) => bar.update(sent, total),
    });
    return {
      data: done,
      text: [
        `dataset     ${done.datasetId}, version ${done.version}${done.transaction === null ? " (published before)" : ""}`,
        `commitment  ${done.manifestCommitment}`,
        `objects     ${done.objects}, ${megabytes(done.bytes)}`,
        ...(done.transaction === null ? [] : [`transaction ${done.transaction}`]),
      ],
    };
  } finally {
    bar.stop();
  }
}

async function list(context: Context, options: { mine?: boolean }): Promise<CommandResult> {
  const client = await context.client();
  const mine = new Map(
    (await new DatasetVault(context.home).list()).map((notes) => [notes.datasetId, notes.name]),
  );
  const owner =
    options.mine === true ? Buffer.from((await context.account()).address.slice(2), "hex") : Buffer.alloc(0);
  const answer = await orFail(client.services.access.listDatasets({ owner, pageSize: 200, pageToken: "" }));
  const datasets = answer.datasets.map((dataset) => ({
    datasetId: dataset.datasetId,
    owner: toHex(dataset.owner),
    status: dataset.status,
    suspended: dataset.suspended,
    version: dataset.versions.at(-1)?.version ?? 0,
    manifestCommitment: toHex(dataset.versions.at(-1)?.manifestCommitment ?? new Uint8Array()),
    name: mine.get(dataset.datasetId) ?? null,
  }));
  return {
    data: { datasets },
    text: table(
      ["DATASET", "VERSION", "STATUS", "OWNER", "YOUR NAME FOR IT"],
      datasets.map((d) => [d.datasetId, String(d.version), d.status, d.owner, d.name ?? "-"]),
    ),
  };
}

async function show(context: Context, text: string, options: { manifest?: boolean }): Promise<CommandResult> {
  const client = await context.client();
  const datasetId = chainNumber(text, "DATASET");
  const dataset = await readDataset(client, datasetId);
  const versions = await Promise.all(
    Array.from({ length: dataset.latestVersion }, (_, i) => readVersion(client, datasetId, i + 1)),
  );
  const lines = [
    `dataset   ${datasetId} (${dataset.status}), region ${dataset.region || "any"}`,
    `owner     ${dataset.owner}`,
    `consent   ${dataset.dataUseCodes.join(", ")}`,
    ...versions.map(
      (v) =>
        `version   ${v.version} ${v.reason} ${formatTime(v.effectiveAt)} ${shortHex(v.manifestCommitment)}${v.version < dataset.barrierVersion ? " (barred)" : ""}`,
    ),
  ];
  if (options.manifest !== true) return { data: { ...dataset, versions }, text: lines };
  const owner = await context.account();
  const transfer = await openOwnDataset(client, owner, datasetId, dataset.latestVersion);
  const manifest = await fetchManifest(
    client,
    transfer,
    await readVersion(client, datasetId, dataset.latestVersion),
  );
  const traits = manifest.traits.map(({ name, kind }) => `${name} (${kind})`);
  return {
    data: { ...dataset, versions, manifest },
    text: [
      ...lines,
      `variants  ${manifest.variantAxis.count}, ${manifest.species}, ${manifest.assembly}`,
      `traits    ${traits.join(", ")}`,
      ...manifest.segments.map((s) => `segment   ${s.id} at ${s.site}: ${s.rowsPadded} published rows`),
    ],
  };
}

async function withdraw(
  context: Context,
  text: string,
  options: { sample?: string[]; samples?: string; consentChanged?: boolean; certificate?: string },
): Promise<CommandResult> {
  const datasetId = chainNumber(text, "DATASET");
  const fromFile =
    options.samples === undefined ? "" : await readText(context, options.samples, "the list of samples");
  const people = [...(options.sample ?? []), ...fromFile.split(/\r?\n/).filter((line) => line.trim() !== "")];
  if (people.length === 0) {
    throw new CosFailure("usage", "NOBODY_NAMED", "name the people who withdraw with --sample or --samples");
  }
  const client = await context.client();
  const ring = { ...(await keyring(context)), account: await context.localAccount() };
  const certificate = await withdrawPeople(client, ring, datasetId, people, {
    reason: options.consentChanged === true ? "consent" : "withdraw",
  });
  if (options.certificate !== undefined) {
    await writeFile(context.path(options.certificate), `${JSON.stringify(certificate, null, 2)}\n`);
  }
  return { data: certificate, text: certificateLines(certificate) };
}

const certificateLines = (c: WithdrawalCertificate): string[] => [
  "CERTIFICATE OF WITHDRAWAL",
  `Dataset ${c.datasetId}: the rows of ${c.people} people were deleted (${c.reason}).`,
  `Version ${c.toVersion} of ${formatTime(c.effectiveAt)} replaces version ${c.fromVersion}, which is barred from any use.`,
  `Commitment before ${c.fromCommitment}`,
  `Commitment now    ${c.toCommitment}`,
  `Transaction       ${c.transaction}`,
  c.allGone
    ? `The ${c.deletedObjects.length} encrypted objects that held the rows are gone from the store:`
    : `${c.deletedObjects.filter((o) => !o.gone).length} of ${c.deletedObjects.length} objects are still in the store; the operator must delete them:`,
  ...c.deletedObjects.map((o) => `  ${o.digest} ${o.gone ? "gone" : "STILL THERE"}`),
  "Make a new recovery kit now: cos keys backup --out FILE; older kits still name these people.",
];
