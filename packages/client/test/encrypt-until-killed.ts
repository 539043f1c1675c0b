/** Encrypts a cohort as `cos dataset encrypt` does, printing a line per block, until it is done or killed. */
import { cosHome } from "../src/home/cos-home.ts";
import { encryptCohort, openCohort } from "../src/index.ts";

const [homeDir, outDir, bfile, pheno, trait] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const cohort = await openCohort({ bfile, pheno, phenoNames: [trait] });
const ring = { home: cosHome(homeDir), passphrase: "a passphrase of the test", seal: { scryptLogN: 8 } };
const choice = {
  name: "d",
  outDir,
  site: "clinic",
  consentClass: ["DUO:0000042"],
  assembly: "GRCh38",
  threads: 1,
};
await encryptCohort(ring, cohort, choice, ({ done }) => process.stdout.write(`${done}\n`));
