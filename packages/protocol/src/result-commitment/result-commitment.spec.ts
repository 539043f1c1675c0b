import { Wallet } from "ethers";
import { describe, expect, it } from "vitest";
import { digestOfJson } from "../canonical-json.ts";
import { type AlgorithmId, asAddress, type PermitId } from "../ids.ts";
import { parseResultBundle } from "./result-bundle.ts";
import { inputsRootOf, type ResultClaim, resultCommitment } from "./result-commitment.ts";
import { recoverTaskAttestation, signTaskAttestation } from "./task-attestation.ts";

const claim: ResultClaim = {
  permitId: digestOfJson("permit") as PermitId,
  algorithmId: digestOfJson("algorithm") as AlgorithmId,
  planDigest: digestOfJson("plan"),
  inputsRoot: digestOfJson("inputs"),
  contextDigest: digestOfJson("context"),
  outputDigest: digestOfJson("output"),
};

describe("resultCommitment", () => {
  it("binds every field", () => {
    const all = Object.keys(claim).map((field) =>
      resultCommitment({ ...claim, [field]: digestOfJson("other") }),
    );
    expect(new Set([...all, resultCommitment(claim)]).size).toBe(all.length + 1);
  });

  it("binds the order of the inputs", () => {
    const [a, b] = [digestOfJson("a"), digestOfJson("b")];
    expect(inputsRootOf([a, b])).not.toBe(inputsRootOf([b, a]));
  });
});

describe("task attestations", () => {
  const wallet = new Wallet(`0x${"11".repeat(32)}`);
  const attestation = {
    permitId: claim.permitId,
    taskId: digestOfJson("task"),
    outputDigest: claim.outputDigest,
  };

  it("name their signer, and somebody else as soon as anything changes", async () => {
    const signature = await signTaskAttestation(wallet, 31_337n, attestation);
    const worker = asAddress(wallet.address);
    expect(recoverTaskAttestation(31_337n, attestation, signature)).toBe(worker);
    expect(recoverTaskAttestation(1n, attestation, signature)).not.toBe(worker);
    const other = { ...attestation, outputDigest: digestOfJson("other") };
    expect(recoverTaskAttestation(31_337n, other, signature)).not.toBe(worker);
    expect(recoverTaskAttestation(31_337n, attestation, "0x1234")).toBeUndefined();
  });
});

describe("parseResultBundle", () => {
  it("refuses what is no bundle, naming the field", () => {
    const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    expect(parseResultBundle(encode("[1"))).toMatchObject({ error: { code: "RESULT_BUNDLE_MALFORMED" } });
    const { outputDigest, ...rest } = claim;
    const bundle = {
      format: "cos-result-bundle/1",
      ...rest,
      job: {
        format: "cos-job/1",
        params: {},
        purpose: { duo: ["DUO:0000042"], statementDigest: digestOfJson("why") },
      },
      entries: { digest: outputDigest, sizeBytes: 1 },
      tasks: [{ taskId: digestOfJson("t"), outputDigest, attestations: [] }],
    };
    expect(parseResultBundle(encode(bundle)).ok).toBe(true);
    expect(parseResultBundle(encode({ ...bundle, tasks: [] }))).toMatchObject({ error: { field: "tasks" } });
    expect(parseResultBundle(encode({ ...bundle, permitId: "0x12" }))).toMatchObject({
      error: { field: "permitId" },
    });
  });
});
