import { workerData } from "node:worker_threads";
import { digestOfBytes, type ObjectRef } from "@cos/protocol";
import { writeBlock } from "./block-container.ts";
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
  return message.kind === "encrypt" ? encrypt(profile.value, message) : open(profile.value, message);
});

async function encrypt(profile: Profile, job: Extract<OwnerJob, { kind: "encrypt" }>): Promise<JobResult> {
  const encryptor = await remember(encryptors, profile, Encryptor.create);
  const { ciphertextsPerRow, coefficientsPerCiphertext: width, coefficients, streamIndexes } = job;
  const rows = Array.from(streamIndexes, (streamIndex, row) => {
    const ciphertexts = Array.from({ length: ciphertextsPerRow }, (_, i) => {
      const at = (row * ciphertextsPerRow + i) * width;
      return encryptor.encrypt(coefficients.subarray(at, at + width));
    });
    return {
      streamIndex,
      ciphertexts: ciphertexts.length === 1 ? (ciphertexts[0] as Uint8Array) : concat(ciphertexts),
    };
  });
  coefficients.fill(0);
  const bytes = writeBlock(contextOf(profile, keyId), ciphertextsPerRow, job.label, rows);
  const object: ObjectRef = { digest: digestOfBytes(bytes), sizeBytes: bytes.length };
  return { value: { object, bytes }, transfer: [bytes.buffer as ArrayBuffer] };
}

async function open(profile: Profile, job: Extract<OwnerJob, { kind: "open" }>): Promise<JobResult> {
  const decryptor = await remember(decryptors, profile, Decryptor.create);
  const opened: Uint32Array[] = [];
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

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
