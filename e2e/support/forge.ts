import { jobPermitsAbi } from "@cos/chain";
import { openCiphertextList, writeCiphertextList } from "@cos/fhe";
import {
  asAddress,
  canonicalJson,
  type Digest,
  digestOfBytes,
  digestOfJson,
  type PermitId,
  type ResultBundle,
  resultCommitment,
  signTaskAttestation,
  unwrap,
} from "@cos/protocol";
import { operatorKeys } from "@cos/standalone";
import { Contract, JsonRpcProvider, Wallet } from "ethers";
import type { Scene } from "./scene.ts";
import { uploadObjects } from "./upload-objects.ts";

/** An honest result of the same plan, from which the forger starts. */
export interface Honest {
  readonly bundle: ResultBundle;
  readonly resultBytes: Uint8Array;
}

const profileBits = 50;
const ringDegree = 2048;

/** The result with c1 = 1 in its first product, and everything else as it was: what opens is c0 plus the secret key. */
export function withTransparentEntry(resultBytes: Uint8Array): Uint8Array {
  const list = unwrap(openCiphertextList(resultBytes));
  const entries = Array.from({ length: list.count }, (_, i) => {
    const entry = list.describe(i);
    const packed = unwrap(list.packed(i)).slice();
    const size = packed.length / (entry.degree + 1);
    if (i === 0) {
      const c1 = packed.subarray(size, 2 * size);
      c1.fill(0);
      for (let k = 0; k < ringDegree; k += 1) c1[(k * profileBits) >> 3]! |= 1 << ((k * profileBits) & 7);
      packed.subarray(2 * size).fill(0);
    }
    return { ...entry, packed };
  });
  const { format: _, ...header } = list.header;
  return writeCiphertextList(header, entries);
}

/**
 * What an operator can do who owns the settler's key and both workers' keys: a bundle for another permit in which every
 * signature is good, stored, and posted with a commitment that matches it.
 */
export async function postForged(
  scene: Scene,
  permitId: string,
  honest: Honest,
  change: {
    readonly resultBytes?: Uint8Array;
    readonly claim?: Partial<Pick<ResultBundle, "algorithmId" | "inputsRoot">>;
    /** The second worker swears to another output of the first task. */
    readonly disagree?: boolean;
  },
): Promise<void> {
  const { workers, settler } = await operatorKeys(scene.platformOptions.dataDir, 2);
  const chainId = BigInt(scene.platform.platform.chain.chainId);
  const resultBytes = change.resultBytes ?? honest.resultBytes;
  const outputDigest = digestOfBytes(resultBytes);
  const last = honest.bundle.tasks.length - 1;
  const tasks: ResultBundle["tasks"] = [];
  for (const [index, { taskId, outputDigest: original }] of honest.bundle.tasks.entries()) {
    const output = index === last ? outputDigest : original;
    const attestations = [];
    for (const [w, key] of workers.slice(0, 2).entries()) {
      const wallet = new Wallet(key);
      const sworn: Digest =
        change.disagree && index === 0 && w === 1 ? digestOfJson("another output") : output;
      const attestation = { permitId: permitId as PermitId, taskId, outputDigest: sworn };
      const signature = await signTaskAttestation(wallet, chainId, attestation);
      attestations.push({ worker: asAddress(wallet.address), outputDigest: sworn, signature });
    }
    tasks.push({ taskId, outputDigest: output, attestations });
  }
  const bundle: ResultBundle = {
    ...honest.bundle,
    ...change.claim,
    permitId: permitId as PermitId,
    entries: { digest: outputDigest, sizeBytes: resultBytes.length },
    tasks,
  };
  const bundleBytes = new TextEncoder().encode(canonicalJson(bundle));
  await uploadObjects(scene.researcher, [resultBytes, bundleBytes]);
  const commitment = resultCommitment({ ...bundle, outputDigest });
  const uri = `cos-object:${digestOfBytes(bundleBytes).slice(2)}`;
  const { rpcUrl, contracts } = scene.platform.platform.chain;
  const provider = new JsonRpcProvider(rpcUrl, Number(chainId), { staticNetwork: true });
  try {
    const permits = new Contract(contracts.JobPermits ?? "", jobPermitsAbi, new Wallet(settler, provider));
    const sent = await permits
      .getFunction("postResult")
      .send(permitId, commitment, uri, { gasPrice: 0n, type: 0 });
    const receipt = await sent.wait();
    await mirrored(scene, receipt?.blockNumber ?? 0);
  } finally {
    provider.destroy();
  }
}

async function mirrored(scene: Scene, blockNumber: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { confirmedNumber } = await scene.researcher.client.services.access.getMirrorStatus({});
    if (Number(confirmedNumber) >= blockNumber) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the mirror stands still");
}
