import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunningPlatform, startPlatform } from "@cos/standalone";
import { IdentityProvider, nativeClientId } from "@cos/testkit/identity-provider";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cosFor, type Ran } from "./cos-in-process.ts";
import { writeSmallCohort } from "./small-cohort.ts";

const passphrase = "a passphrase of the test";
const token = "only-the-lab-may-sign";
const key = Wallet.createRandom();

let folder: string;
let running: RunningPlatform;
let provider: IdentityProvider;
let kms: ChildProcess;
let signer: string;
let owner: ReturnType<typeof cosFor>;
let lab: ReturnType<typeof cosFor>;

const at = (name: string): string => join(folder, name);
const ok = (ran: Ran): Ran["json"] => {
  expect(ran.json, ran.stdout).not.toHaveProperty("error");
  return ran.json;
};
const codeOf = (ran: Ran) => (ran.json.error as { code: string } | undefined)?.code;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-institution-"));
  provider = await IdentityProvider.start();
  await writeFile(
    at("providers.json"),
    JSON.stringify([{ issuer: provider.issuer, clientId: nativeClientId }]),
  );
  const entry = fileURLToPath(new URL("../../client/test/kms-signer.ts", import.meta.url));
  kms = spawn(process.execPath, [entry, key.privateKey, token], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(kms.stdout ?? kms, "data")) as [Buffer];
  signer = line.toString().trim();
  running = await startPlatform({
    dataDir: at("platform"),
    workers: 2,
    settings: { gateway: { oidcProvidersFile: at("providers.json") } },
  });
  for (const home of ["hospital", "university"]) await mkdir(at(home));
  await writeFile(at("signer-token"), `${token}\n`, { mode: 0o600 });
  const { platformFile: platform } = running;
  owner = cosFor({ home: at("hospital"), account: "owner", platform, passphrase });
  const onUrl = (url: string) => provider.browse("ada", url).catch(() => {});
  lab = cosFor({ home: at("university"), account: "lab", platform, passphrase: "", onUrl });
}, 240_000);

afterAll(async () => {
  kms?.kill();
  await running?.stop();
  await provider?.stop();
  await rm(folder, { recursive: true, force: true });
}, 180_000);

const describeLab = (...more: string[]) => {
  const where = ["--issuer", provider.issuer, "--signer", signer, "--key-id", "study-key"];
  return lab(
    "keys",
    "institution",
    "--name",
    "lab",
    ...where,
    "--signer-token-file",
    at("signer-token"),
    ...more,
  );
};

describe("an institution whose key a signer holds", () => {
  it("is described without a key: its address is the signer's, its releases are opened elsewhere", async () => {
    const recipient = await identityToRecipient(await generateHybridIdentity());
    await writeFile(at("signer-token"), "stolen\n");
    expect(codeOf(await describeLab("--recipient", recipient))).toBe("SIGNER_REFUSED");
    await writeFile(at("signer-token"), `${token}\n`);
    expect(codeOf(await describeLab("--recipient", "age1classic"))).toBe("BAD_ARGUMENT");
    expect(ok(await describeLab("--recipient", recipient))).toMatchObject({
      address: key.address.toLowerCase(),
      releaseKey: "elsewhere",
    });
    expect(codeOf(await describeLab("--recipient", recipient))).toBe("ACCOUNT_EXISTS");
    expect(ok(await lab("keys", "list")).accounts).toMatchObject([{ name: "lab" }]);
  });

  it("mints its identity by a transaction that the signer signed", async () => {
    const minted = ok(await lab("keys", "identity"));
    expect(minted).toMatchObject({ account: "lab", address: key.address.toLowerCase() });
  });

  it("signs in by its provider, once the account there is bound to the key", async () => {
    expect(codeOf(await lab("job", "list"))).toBe("SESSION_ENDED");
    expect(codeOf(await lab("login"))).toBe("OIDC_UNBOUND");
    const signedIn = ok(await lab("login", "--bind"));
    expect(signedIn).toMatchObject({ account: "lab", bound: true });
    expect(Date.parse(String(signedIn.endsAt))).toBeGreaterThan(Date.now() + 60_000);
    ok(await lab("job", "list"));
    const file = join(at("university"), "sessions", "lab.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    ok(await lab("logout"));
    expect(codeOf(await lab("job", "list"))).toBe("SESSION_ENDED");
    ok(await lab("login")); // Bound before.
  });

  it("says what is wrong when a sign-in fails", async () => {
    provider.denies = true;
    const denied = await lab("login");
    provider.denies = false;
    expect(denied.json.error).toMatchObject({ code: "SIGN_IN_DENIED", facts: { reason: "access_denied" } });
    provider.isDown = true;
    expect(codeOf(await lab("login"))).toBe("PROVIDER_UNREACHABLE");
    provider.isDown = false;
    expect(codeOf(await owner("login"))).toBe("NOT_AN_INSTITUTION");
    ok(await lab("job", "list")); // The session from before still lives.
  });

  it("orders a job and follows it to its result", async () => {
    const files = await writeSmallCohort(folder, { first: 240, later: 20 });
    ok(await owner("keys", "new"));
    const encrypt = [
      "dataset",
      "encrypt",
      "--bfile",
      files.first,
      "--pheno",
      files.pheno,
      "--pheno-name",
      "affected",
    ];
    const encrypted = ok(await owner(...encrypt, "--unmatched", "missing", "--out", at("encrypted")));
    ok(await owner("keys", "restore", "--check", encrypted.kit as string));
    const { datasetId } = ok(await owner("dataset", "publish", at("encrypted")));
    const ask = ["access", "request", "--dataset", String(datasetId), "--statement", "what moves the trait"];
    const { requestId } = ok(await lab(...ask, "--out", at("request.json")));
    const terms = ["--request-file", at("request.json"), "--auto-authorise"];
    const { grantId } = ok(await owner("access", "grant", String(requestId), ...terms));
    const job = ["--grant", String(grantId), "--program", "allelic-association", "--trait", "affected"];
    const run = ok(await lab("job", "run", ...job));
    expect(run).toMatchObject({ job: { state: expect.stringMatching(/COMMITTED|SETTLED/) } });
    ok(await owner("result", "open", run.permitId as string, "--out", at("opened.tsv")));
    // What only a key of this keystore can do is refused in words.
    expect(codeOf(await lab("keys", "backup", "--out", at("kit")))).toBe("ACCOUNT_REMOTE");
    await writeFile(at("release.age"), "not for here");
    const opened = await lab("result", "receive", at("release.age"), "--out", at("x.tsv"));
    expect(codeOf(opened)).toBe("RELEASE_KEY_ELSEWHERE");
  }, 240_000);

  it("leaves no private key on its machine", async () => {
    const names = await readdir(at("university"), { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const text = await readFile(file, "utf8");
      expect(text).not.toContain(key.privateKey.slice(2));
      expect(text).not.toContain("AGE-SECRET-KEY");
      expect(text).not.toContain(token);
      expect(text).not.toMatch(/"sealed":\s*"/);
    }
  });
});
