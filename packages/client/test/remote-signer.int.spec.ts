import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Anvil, startAnvil } from "@cos/chain";
import { type TempFolder, tempFolder } from "@cos/testkit";
import { JsonRpcProvider, parseEther, verifyMessage, verifyTypedData, Wallet } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openHttpSigner, RemoteSigner } from "../src/index.ts";

const key = Wallet.createRandom();
const token = "only-the-study-may-sign";
let folder: TempFolder;
let anvil: Anvil;
let kms: ChildProcess;
let url = "";

beforeAll(async () => {
  folder = await tempFolder("cos-kms");
  anvil = await startAnvil({ dataDir: folder.path });
  const entry = fileURLToPath(new URL("./kms-signer.ts", import.meta.url));
  kms = spawn(process.execPath, [entry, key.privateKey, token], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(kms.stdout ?? kms, "data")) as [Buffer];
  url = line.toString().trim();
});
afterAll(async () => {
  kms.kill();
  await anvil.stop();
  await folder.remove();
});

const signer = async () => new RemoteSigner(await openHttpSigner({ url, keyId: "study-key", token }));

it("signs messages and typed data as the key's own wallet would", async () => {
  const remote = await signer();
  expect(remote.address).toBe(key.address.toLowerCase());
  const types = { Approval: [{ name: "what", type: "string" }] };
  const domain = { name: "COS", version: "1", chainId: 31_337 };
  for (let round = 0; round < 8; round++) {
    const message = `message ${round}`;
    expect(verifyMessage(message, await remote.signMessage(message))).toBe(key.address);
    const value = { what: message };
    const signature = await remote.signTypedData(domain, types, value);
    expect(verifyTypedData(domain, types, value, signature)).toBe(key.address);
    // Deterministic (RFC 6979) with the lower s, whichever s the signer gave: the same bytes.
    expect(await remote.signMessage(message)).toBe(await key.signMessage(message));
  }
});

it("sends transactions that a chain takes", async () => {
  const provider = new JsonRpcProvider(anvil.rpcUrl, 31_337, { staticNetwork: true, cacheTimeout: -1 });
  await provider.send("anvil_setBalance", [key.address, "0xde0b6b3a7640000"]);
  const to = Wallet.createRandom().address;
  const sent = await (await signer()).connect(provider).sendTransaction({ to, value: parseEther("0.25") });
  expect((await sent.wait())?.from).toBe(key.address);
  expect(await provider.getBalance(to)).toBe(parseEther("0.25"));
  provider.destroy();
});

it("takes no signature that is not its key's, and says when the signer refuses or is away", async () => {
  const liar = new RemoteSigner(await openHttpSigner({ url, keyId: "liar", token }));
  await expect(liar.signMessage("anything")).rejects.toThrow(/not its key's/);
  const refused = openHttpSigner({ url, keyId: "study-key", token: "stolen" });
  await expect(refused).rejects.toMatchObject({ code: "SIGNER_REFUSED", facts: { status: "403" } });
  const unknown = openHttpSigner({ url, keyId: "../study-key", token });
  await expect(unknown).rejects.toMatchObject({ code: "SIGNER_REFUSED" });
  const away = openHttpSigner({ url: "http://127.0.0.1:1", keyId: "study-key" });
  await expect(away).rejects.toMatchObject({ code: "SIGNER_UNREACHABLE" });
  const inTheClear = openHttpSigner({ url: "http://signer.example", keyId: "study-key" });
  await expect(inTheClear).rejects.toMatchObject({ code: "SIGNER_IN_THE_CLEAR" });
});
