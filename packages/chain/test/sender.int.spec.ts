import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unwrap } from "@cos/protocol";
import { JsonRpcProvider, Wallet } from "ethers";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  type Anvil,
  broadcast,
  type ContractAddresses,
  currentFees,
  deployContracts,
  type Intent,
  interfaceOf,
  newIntent,
  nextNonce,
  nextStep,
  openBlockReader,
  type SenderPolicy,
  signCall,
  simulate,
  startAnvil,
  viewIntent,
  withSent,
  withSigned,
} from "../src/index.ts";

const policy: SenderPolicy = { confirmations: 1, resendAfterS: 5, bumpAfterS: 60, maxFeePerGasCap: 0n };
let folder: string;
let anvil: Anvil;
let provider: JsonRpcProvider;
let addresses: ContractAddresses;
let admin: Wallet;
let wallet: Wallet;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-sender-"));
  anvil = await startAnvil({ dataDir: folder });
  anvil.release(); // No empty blocks: the tests mine what they need.
  provider = new JsonRpcProvider(anvil.rpcUrl, anvil.chainId, { staticNetwork: true, cacheTimeout: -1 });
  admin = new Wallet(Wallet.createRandom().privateKey, provider);
  addresses = await deployContracts(admin);
}, 180_000);
afterAll(async () => {
  provider.destroy();
  await anvil.stop();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  wallet = new Wallet(Wallet.createRandom().privateKey, provider);
});

const mintCall = () => ({
  to: addresses.IdentitySBT,
  data: interfaceOf("IdentitySBT").encodeFunctionData("mint", [`0x${"5a".repeat(32)}`]),
});
const mine = (blocks = 1) => provider.send("anvil_mine", [`0x${blocks.toString(16)}`]);
const look = (intent: Intent, now = 1_000) => viewIntent(provider, { signer: wallet.address, intent, now });

/** Signs the call as the settlement service would, nonce taken from the node. */
async function sign(intent: Intent = newIntent): Promise<Intent> {
  const call = mintCall();
  const { gasLimit } = unwrap(await simulate(provider, wallet.address, call));
  const fees = await currentFees(provider);
  const nonce = await nextNonce(provider, wallet.address, -1);
  return withSigned(
    intent,
    nonce,
    await signCall(wallet, { call, nonce, gasLimit, fees, chainId: anvil.chainId }),
  );
}
async function send(intent: Intent, now = 1_000): Promise<Intent> {
  unwrap(await broadcast(provider, intent.transactions.at(-1)!));
  return withSent(intent, now);
}
async function observed(intent: Intent, now = 1_000): Promise<Intent> {
  const step = nextStep(intent, await look(intent, now), policy);
  return step.do === "save" ? step.intent : intent;
}

it("takes a call from signed to final with a key that holds no coin, and the same bytes twice change nothing", async () => {
  const sent = await send(await sign());
  await send(sent);
  expect((await observed(sent)).state).toBe("mined");
  await mine(1);
  expect((await observed(sent)).state).toBe("confirmed");
  await mine(3);
  await send(sent); // long mined: the node says "nonce too low", which is no fault
  expect((await observed(sent)).state).toBe("final");
  expect(await provider.getTransactionCount(wallet.address)).toBe(1);
});

it("names the contract's error when simulation refuses, without spending a nonce", async () => {
  await send(await sign());
  const refused = await simulate(provider, wallet.address, mintCall());
  expect(refused).toMatchObject({
    ok: false,
    error: { code: "REVERTED", name: expect.stringMatching(/^IdentitySBT_/) },
  });
  expect(await provider.getTransactionCount(wallet.address)).toBe(1);
});

it("finds a transaction whose broadcast answer was lost", async () => {
  const signed = await sign();
  await provider.broadcastTransaction(signed.transactions[0]!.raw);
  expect((await observed(signed)).state).toBe("mined");
});

it("sends the same bytes again after a reorganisation dropped the block, and they are mined once", async () => {
  const sent = await send(await sign());
  const mined = await observed(sent);
  expect(mined.state).toBe("mined");
  await provider.send("anvil_reorg", [1, []]);
  const dropped = await observed(mined);
  expect(dropped.state).toBe("sent");
  await send(dropped);
  await mine(1);
  expect((await observed(dropped)).mined?.transactionHash).toBe(sent.transactions[0]!.hash);
  expect(await provider.getTransactionCount(wallet.address)).toBe(1);
});

it("signs anew under the next nonce when another transaction of the key took its nonce for good", async () => {
  const signed = await sign();
  await (await wallet.sendTransaction({ to: wallet.address, gasPrice: 0, nonce: 0 })).wait();
  expect((await observed(signed)).state).toBe("signed");
  await mine(3);
  const spent = await observed(signed);
  expect(spent).toMatchObject({ state: "signed", spentSince: 1_000 });
  const replaced = await observed(spent, 1_005);
  expect(replaced.state).toBe("replaced");
  const again = await send(await sign(replaced));
  expect(again.nonce).toBe(1);
  expect((await observed(again)).state).toBe("mined");
});

it("reads the same logs by block hash before and after the chain is stopped and started", async () => {
  const logs = async () => {
    const reader = openBlockReader(provider);
    const head = await reader.head();
    const numbers = Array.from({ length: head.number + 1 }, (_, number) => number);
    const blocks = await Promise.all(numbers.map(async (number) => (await reader.blockAt(number))!));
    return Promise.all(
      blocks.map(async (block) => ({
        hash: block.hash,
        logs: await reader.logsOf(block, Object.values(addresses)),
      })),
    );
  };
  const before = await logs();
  expect(before.flatMap((block) => block.logs).length).toBeGreaterThan(14);
  const port = Number(new URL(anvil.rpcUrl).port);
  await anvil.stop();
  anvil = await startAnvil({ dataDir: folder, port });
  anvil.release();
  expect((await logs()).slice(0, before.length)).toEqual(before);
}, 180_000);
