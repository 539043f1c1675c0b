import { workerData } from "node:worker_threads";
import { freeNow } from "@cos/protocol/free-now";
import type { Coefficients } from "./coefficients.ts";
import { contextOf } from "./context.ts";
import { Decryptor } from "./decryptor.ts";
import { Encryptor } from "./encryptor.ts";
import type { OwnerJob, OwnerThreadData } from "./owner-pool.ts";
import type { Profile } from "./profile.ts";
import { findProfile } from "./profiles.ts";
import { type JobResult, serveJobs } from "./thread-host.ts";

const { keyId, secrets } = workerData as OwnerThreadData;
const encryptors = new Map<string, Encryptor>();
const decryptors = new Map<string, Decryptor>();

serveJobs(async (job) => {
  const message = job as OwnerJob;
  const profile = findProfile(message.profile);
  if (!profile.ok) throw new Error(profile.error.code);
  if (message.kind === "encrypt") return encrypt(profile.value, message);
  if (message.kind === "open") return open(profile.value, message);
  await remember(encryptors, profile.value, Encryptor.create);
  return { value: null };
});

async function encrypt(profile: Profile, job: Extract<OwnerJob, { kind: "encrypt" }>): Promise<JobResult> {
  const encryptor = await remember(encryptors, profile, Encryptor.create);
  const { ciphertextsPerRow, coefficientsPerCiphertext: width, coefficients, streamIndexes } = job;
  const context = contextOf(profile, keyId);
  const writer = encryptor.beginBlock({ context, label: job.label, ciphertextsPerRow, streamIndexes });
  const bytes = new Uint8Array(writer.sizeBytes);
  bytes.set(writer.head);
  const perRow = ciphertextsPerRow * width;
  for (let row = 0, at = writer.head.length; row < streamIndexes.length; row += 1, at += writer.rowStride) {
    const target = bytes.subarray(at, at + writer.rowStride);
    writer.encryptRow(coefficients.subarray(row * perRow, (row + 1) * perRow), target);
  }
  coefficients.fill(0);
  freeNow(coefficients);
  const object = writer.finish();
  return { value: { object, bytes }, transfer: [bytes.buffer as ArrayBuffer] };
}

async function open(profile: Profile, job: Extract<OwnerJob, { kind: "open" }>): Promise<JobResult> {
  const decryptor = await remember(decryptors, profile, Decryptor.create);
  const opened: Coefficients[] = [];
  for (const { packed, degree } of job.ciphertexts) {
    const coefficients = decryptor.open(packed, degree);
    if (!coefficients.ok) return { value: coefficients };
    opened.push(coefficients.value);
  }
  return { value: { ok: true, value: opened }, transfer: opened.map((o) => o.buffer as ArrayBuffer) };
}

async function remember<T>(
  known: Map<string, T>,
  profile: Profile,
  create: (profile: Profile, secret: Uint8Array) => Promise<T>,
): Promise<T> {
  let value = known.get(profile.name);
  if (value === undefined) {
    const secret = secrets.get(profile.name);
    if (secret === undefined) throw new Error(`the key holds no secret for ${profile.name}`);
    value = await create(profile, secret);
    known.set(profile.name, value);
  }
  return value;
}
