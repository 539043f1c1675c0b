import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Party, parseDemoOptions, runDemo, silentScreen } from "@cos/demo";
import { SIMULATED_TRAITS } from "@cos/genomics";
import { chooseEngine } from "@cos/programs";
import { unwrap } from "@cos/protocol";
import { openEmbeddedStore } from "@cos/store";
import { afterAll, beforeAll, expect, it } from "vitest";
import { scanAll } from "./support/hay.ts";
import { type Needle, NeedleScanner } from "./support/needles.ts";
import { patience } from "./support/patience.ts";
import { scrapeAll } from "./support/scrape-all.ts";
import { secretsOf, signingKeyNeedles } from "./support/secrets-of.ts";

let dir: string;
let hospital: Party | undefined;
let needles: Needle[];
let scanner: NeedleScanner;
const at = (...names: string[]) => join(dir, ...names);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "cos-scan-"));
  process.env.COS_TAP_DIR = at("taps");
  const tap = new URL("./support/tap.ts", import.meta.url);
  await import(tap.href);
  process.env.NODE_OPTIONS = `--import ${tap.href}`;
  const args = ["--people", "260", "--variants", "120", "--chromosomes", "3", "--keep-work", "--out", "demo"];
  // One worker with each engine where there are two: a result is only taken when both computed the same bytes.
  if (chooseEngine("auto").name === "native") args.push("--engine", "both");
  const options = unwrap(parseDemoOptions(args, dir));
  if (options === undefined) throw new TypeError("these arguments ask for a run");
  const scraped = new AbortController();
  let scraping: Promise<void> | undefined;
  const outcome = await runDemo(options, silentScreen, new AbortController().signal, (name, party) => {
    if (name === "hospital") hospital = party;
    scraping ??= scrapeAll(platform("metrics.json"), at("metrics"), scraped.signal);
  });
  scraped.abort();
  await scraping;
  delete process.env.NODE_OPTIONS;
  expect(outcome.equal).toBe(true);
  if (hospital === undefined) throw new TypeError("the demonstration has a hospital");
  const prefix = at("demo", "work", "hospital", "simulated");
  needles = await secretsOf(hospital, prefix, `${prefix}.pheno.tsv`, SIMULATED_TRAITS.caseControl);
  needles.push(...(await signingKeyNeedles(platform(signingKeys))));
  scanner = new NeedleScanner(needles);
}, patience);
afterAll(() => rm(dir, { recursive: true, force: true }));

const platform = (...names: string[]) => at("demo", "work", "platform", ...names);
const signingKeys = "gateway-signing-key.json";
/** Everything but the gateway's own key file, where its keys belong. */
const scan = async () => {
  const all = await scanAll(scanner, [platform(), at("taps"), at("metrics")], platform("store"));
  const home = new RegExp(`^signing key.* in file ${signingKeys}$`);
  expect(all.found.some((each) => home.test(each))).toBe(true);
  return { ...all, found: all.found.filter((each) => !home.test(each)) };
};

it(
  "finds no secret in any event, row, log line, span, metric, stored object, transaction or message of a whole demonstration",
  async () => {
    const { files, rows, bytes, found } = await scan();
    expect(found).toEqual([]);
    // It did look: keys, people, phenotypes and genotypes, through everything that was said and kept.
    const names = new Set(needles.map(({ name }) => name.replace(/ \(.*/, "")));
    for (const name of ["secret key", "account key", "passphrase", "sample id", "phenotypes", "genotypes"]) {
      expect(names).toContain(name);
    }
    expect(needles.length).toBeGreaterThan(5_000);
    expect(files).toBeGreaterThan(20);
    expect(rows).toBeGreaterThan(200);
    expect(bytes).toBeGreaterThan(10_000_000);
    const taps = await readdir(at("taps"));
    expect(taps.length).toBeGreaterThanOrEqual(2); // hospital and researcher here, the platform in its own process
    const heard = Buffer.concat(await Promise.all(taps.map((tap) => readFile(at("taps", tap)))));
    expect(heard.includes('{"trait":"affected"}')).toBe(true); // a gRPC request: the researcher's price enquiry
    expect(heard.includes("COSB")).toBe(true); // an object's body over HTTP
    expect(heard.includes("eth_sendRawTransaction")).toBe(true); // a call to the chain
    const spans = await readFile(platform("traces", "platform.spans.jsonl"), "utf8");
    for (const service of ["access", "fhe-worker", "gateway", "orchestrator", "settlement"]) {
      expect(spans).toContain(`{"stringValue":"${service}"}`);
      const [name = ""] = (await readdir(at("metrics"))).filter((each) => each.startsWith(service));
      expect(await readFile(at("metrics", name), "utf8")).toContain(`cos_service="${service}"`);
    }
    for (const tap of taps) expect((await stat(at("taps", tap))).size).toBeGreaterThan(1_000);
  },
  patience,
);

it(
  "would have found one in each of these places",
  async () => {
    const pick = (name: string): Uint8Array => {
      const needle = needles.findLast((each) => each.name === name);
      if (needle === undefined) throw new TypeError(`there is no needle ${name}`);
      return needle.bytes;
    };
    await appendFile(
      platform("logs", "platform.log"),
      `{"event":"planted","reason":"${Buffer.from(pick("sample id")).toString()}"}\n`,
    );
    await writeFile(
      platform("objects", "store", "planted"),
      Buffer.concat([Buffer.from("COSB"), pick("genotypes (bed rows)"), Buffer.alloc(9)]),
    );
    await appendFile(
      platform("traces", "platform.spans.jsonl"),
      `{"name":"${Buffer.from(pick("passphrase")).toString()}"}\n`,
    );
    await appendFile(
      at("metrics", "gateway.txt"),
      `cos_planted{sample="${Buffer.from(pick("sample id")).toString()}"} 1\n`,
    );
    const [tap = ""] = await readdir(at("taps"));
    await appendFile(at("taps", tap), `{"note":"${Buffer.from(pick("secret key (base64)")).toString()}"}`);
    const store = await openEmbeddedStore({ dataDir: platform("store") });
    const db = store.schema("log");
    await db.query(
      `INSERT INTO log.message (topic, partition, "offset", key, headers, value) VALUES ('planted', 0, 0, 'k', '{}', $1)`,
      [Buffer.from(pick("phenotypes (bytes)"))],
    );
    await store.close();

    const { found } = await scan();
    const inFile = (what: string, where: string) =>
      expect.stringMatching(new RegExp(`^${what}.* in file .*${where}`));
    expect(found).toEqual(
      expect.arrayContaining([
        inFile("sample id", "platform.log"),
        inFile("passphrase", "platform.spans.jsonl"),
        inFile("sample id", "gateway.txt"),
        inFile("genotypes", "planted"),
        inFile("secret key", tap.replace(".", "\\.")),
        expect.stringMatching(/^phenotypes.* in row log\.message\.value/),
      ]),
    );
    expect(await readFile(platform("logs", "platform.log"), "utf8")).toContain("planted");
  },
  patience,
);
