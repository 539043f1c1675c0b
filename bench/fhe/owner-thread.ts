import { parentPort, workerData } from "node:worker_threads";
import {
  contextOf,
  countsProfile,
  createSealSteps,
  createWasmEngine,
  Decryptor,
  Encryptor,
  generateDatasetKey,
  openBlock,
  seededRowsOf,
} from "@cos/fhe";
import { createNativeSteps } from "@cos/fhe-native";
import { unwrap } from "@cos/protocol";
import { loadSeal, toSealContext } from "../../packages/fhe/src/seal.ts";
import { SealFormat } from "../../packages/fhe/src/seal-format.ts";
import { loadSecret } from "../../packages/fhe/src/secret-key.ts";
import { meet } from "./barrier.ts";

/** What a thread of the owner's benchmark is told. */
export type OwnerThreadData = {
  /** Ciphertexts of one repetition. */
  ciphertexts: number;
  repetitions: number;
  threads: number;
  /** Int32: [threads waiting, generation]. */
  barrier: SharedArrayBuffer;
};

/** One step on one thread: when each repetition began and ended, in nanoseconds since boot, and the mean processor time. */
export type OwnerTimes = { step: string; spans: [bigint, bigint][]; cpuMicroseconds: number };

const data = workerData as OwnerThreadData;
const profile = countsProfile;
const n = data.ciphertexts;

function measure(step: string, work: () => void): OwnerTimes {
  const spans: [bigint, bigint][] = [];
  let cpu = 0;
  for (let i = 0; i < data.repetitions + 2; i += 1) {
    meet(data.barrier, data.threads);
    const from = process.hrtime.bigint();
    const before = process.threadCpuUsage();
    work();
    if (i < 2) continue; // the first two let the compilers finish
    const { user, system } = process.threadCpuUsage(before);
    cpu += user + system;
    spans.push([from, process.hrtime.bigint()]);
  }
  return { step, spans, cpuMicroseconds: cpu / data.repetitions };
}

const key = await generateDatasetKey([profile]);
const secret = key.secrets.get(profile.name) as Uint8Array;
const steps = createNativeSteps(profile) ?? (await createSealSteps(profile));
const encryptor = await Encryptor.create(profile, secret, steps);
const decryptor = await Decryptor.create(profile, secret);
const evaluator = (await createWasmEngine()).evaluator(profile);
const coefficients = Uint32Array.from({ length: profile.ringDegree }, (_, i) => (i * 7) % 221);

const seal = await loadSeal();
const context = toSealContext(seal, profile);
const sealKey = loadSecret(seal, profile, secret);
if (sealKey === undefined) throw new Error("SEAL refuses its own key");
const generator = new seal.KeyGenerator(context, sealKey);
const publicKey = generator.createPublicKey();
const sealEncryptor = new seal.Encryptor(context, publicKey, sealKey);
const plain = new seal.Plaintext();
plain.loadFromArray(context, new SealFormat(seal, context, profile).toPlaintext(coefficients));
const ciphertext = new seal.Ciphertext();

function encryptBlock(): Uint8Array {
  const writer = encryptor.beginBlock({
    context: contextOf(profile, key.keyId),
    label: { array: "bench", segment: "s1", variantBlock: 0, rowBlock: 0 },
    ciphertextsPerRow: 1,
    streamIndexes: Uint32Array.from({ length: n }, (_, i) => i),
  });
  const bytes = new Uint8Array(writer.sizeBytes);
  bytes.set(writer.head);
  for (let i = 0, at = writer.head.length; i < n; i += 1, at += writer.rowStride) {
    writer.encryptRow(coefficients, bytes.subarray(at, at + writer.rowStride));
  }
  writer.finish();
  return bytes;
}

const block = unwrap(openBlock(encryptBlock()));
const rows = seededRowsOf(block);
const words = new Uint32Array(2 * profile.ringDegree);
const expandMask = steps.masksUnder(block.seed);
const sum = evaluator.accumulator(1);
const product = evaluator.accumulator(2);
const batch = unwrap(evaluator.expand(rows, 0, 0, 1));
sum.add(batch);
product.addProducts(batch, 0, batch, 0, 1);
const [degree1, degree2] = [sum.store(), product.store()];

const times: OwnerTimes[] = [
  measure("SEAL's encryption alone", () => {
    for (let i = 0; i < n; i += 1) sealEncryptor.encryptSymmetric(plain, ciphertext);
  }),
  measure("SEAL's encryption of zero alone", () => {
    for (let i = 0; i < n; i += 1) generator.createPublicKey().delete();
  }),
  measure("transform a message", () => {
    for (let i = 0; i < n; i += 1) steps.transform(coefficients, words);
  }),
  measure("encrypt into a block", () => void encryptBlock()),
  measure("expand masks (AES-CTR)", () => {
    for (let i = 0; i < n; i += 1) expandMask({ streamIndex: i, ciphertext: 0 }, words);
  }),
  measure("unpack and expand (wasm)", () => unwrap(evaluator.expand(rows, 0, 0, n)).free()),
  measure("check rows (SHA-256)", () => {
    for (let i = 0; i < n; i += 1) unwrap(block.row(i));
  }),
  measure("decrypt, degree 1", () => {
    for (let i = 0; i < n; i += 1) unwrap(decryptor.open(degree1, 1));
  }),
  measure("decrypt, degree 2", () => {
    for (let i = 0; i < n; i += 1) unwrap(decryptor.open(degree2, 2));
  }),
];
parentPort?.postMessage(times);
