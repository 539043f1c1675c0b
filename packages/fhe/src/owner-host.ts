import { workerData } from "node:worker_threads";
import type { Digest } from "@cos/protocol";
import { freeNow } from "@cos/protocol/free-now";
import type { Coefficients } from "./coefficients.ts";
import { contextOf } from "./context.ts";
import { Decryptor } from "./decryptor.ts";
import { Encryptor } from "./encryptor.ts";
import type { KeylessSteps } from "./keyless-steps.ts";
import type { OwnerJob, OwnerThreadData } from "./owner-pool.ts";
import type { Profile } from "./profile.ts";
import { findProfile } from "./profiles.ts";
import { type JobResult, serveJobs } from "./thread-host.ts";

/** Who takes the steps that need no key, for a profile. */
export type CreateSteps = (profile: Profile) => Promise<KeylessSteps>;

/** The inside of an `OwnerPool` thread: encrypts and opens under the key that it was started with. */
export function serveOwner(createSteps: CreateSteps): void {
  const { keyId, secrets } = workerData as OwnerThreadData;
  const secretOf = (profile: Profile): Uint8Array => {
    const secret = secrets.get(profile.name);
    if (secret === undefined) throw new Error(`the key holds no secret for ${profile.name}`);
    return secret;
  };
  const encryptorOf = oncePerProfile(async (profile) =>
    Encryptor.create(profile, secretOf(profile), await createSteps(profile)),
  );
  const decryptorOf = oncePerProfile((profile) => Decryptor.create(profile, secretOf(profile)));

  serveJobs(async (job) => {
    const message = job as OwnerJob;
    const profile = findProfile(message.profile);
    if (!profile.ok) throw new Error(profile.error.code);
    if (message.kind === "open") return open(await decryptorOf(profile.value), message);
    const encryptor = await encryptorOf(profile.value);
    return message.kind === "encrypt" ? encrypt(encryptor, keyId, message) : { value: null };
  });
}

function encrypt(
  encryptor: Encryptor,
  keyId: Digest,
  job: Extract<OwnerJob, { kind: "encrypt" }>,
): JobResult {
  const { ciphertextsPerRow, coefficientsPerCiphertext: width, coefficients, streamIndexes } = job;
  const context = contextOf(encryptor.profile, keyId);
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

function open(decryptor: Decryptor, job: Extract<OwnerJob, { kind: "open" }>): JobResult {
  const opened: Coefficients[] = [];
  for (const { packed, degree } of job.ciphertexts) {
    const coefficients = decryptor.open(packed, degree);
    if (!coefficients.ok) return { value: coefficients };
    opened.push(coefficients.value);
  }
  return { value: { ok: true, value: opened }, transfer: opened.map((o) => o.buffer as ArrayBuffer) };
}

function oncePerProfile<T>(create: (profile: Profile) => Promise<T>): (profile: Profile) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (profile) => {
    const value = known.get(profile.name) ?? create(profile);
    known.set(profile.name, value);
    return value;
  };
}
