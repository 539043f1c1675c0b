import { plaintextAssoc, plaintextQassoc } from "@cos/genomics";
import { checkManifest, digestOfJson, manifestBytes, manifestCommitment, unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import {
  allelicAssociation,
  fromRecoveryKit,
  groupSizes,
  linearRegressionProgram,
  openResult,
  parseOwnerState,
  toRecoveryKit,
} from "../src/index.ts";
import { clinicStudy } from "./clinic-study.ts";
import { listInMemory } from "./list-in-memory.ts";

const study = clinicStudy();

describe("an encrypted study", () => {
  it("counts alleles exactly as plain arithmetic does, missing calls, men's X and missing traits included", async () => {
    const { cohort, dataset, tableOf } = study();
    const table = await tableOf(allelicAssociation, dataset);
    expect(table.kind === "assoc" && table.counts).toEqual(
      unwrap(await plaintextAssoc(cohort.source, cohort.binary)),
    );
  });

  it("sums a quantity to its last decimal", async () => {
    const { cohort, dataset, tableOf } = study();
    const table = await tableOf(linearRegressionProgram, dataset);
    const plain = unwrap(await plaintextQassoc(cohort.source, cohort.quantitative));
    expect(table.kind === "qassoc" && table.sums).toEqual(plain);
  });

  it("publishes no name, no count of people and no value", () => {
    const { cohort, dataset } = study();
    const { manifest, ownerState } = dataset;
    expect(checkManifest(JSON.parse(JSON.stringify(manifest))).ok).toBe(true);
    const text = new TextDecoder().decode(manifestBytes(manifest));
    expect(text).not.toContain("FP1");
    expect(manifest.segments[0]?.rowsPadded).toBe(150);
    expect(text).not.toMatch(/\b130\b/);
    const measured = cohort.quantitative.values.filter((v) => v !== null);
    for (const value of measured) expect(text).not.toContain(String(value.digits));
    expect(parseOwnerState(JSON.parse(JSON.stringify(ownerState)))).toEqual({ ok: true, value: ownerState });
  });

  it("hides who sits in which row, afresh each time", async () => {
    const { cohort, dataset } = study();
    const rows = dataset.ownerState.segments.s1?.people.map(([, , row]) => row) as number[];
    expect(new Set(rows).size).toBe(130);
    expect(Math.max(...rows)).toBeLessThan(150);
    const order = dataset.ownerState.segments.s1?.people.map(([, id]) => id);
    expect(order).not.toEqual(cohort.source.samples.map((s) => s.id));
    expect(groupSizes(dataset.manifest, dataset.ownerState, "affected", ["s1"])).toEqual([
      cohort.binary.status.filter((s) => s === 2).length,
      cohort.binary.status.filter((s) => s === 1).length,
    ]);
  });

  it("is opened on an empty machine by what the recovery kit holds", async () => {
    const { key, dataset, compute } = study();
    const kit = toRecoveryKit({
      key,
      ownerState: dataset.ownerState,
      manifestCommitment: manifestCommitment(dataset.manifest),
      createdAt: 1_700_000_000,
    });
    const copied = JSON.parse(JSON.stringify(kit));
    const restored = unwrap(await fromRecoveryKit(copied));
    const { plan, bytes } = await compute(allelicAssociation, dataset);
    const [before, after] = [
      unwrap(await openResult(plan, await listInMemory(bytes), key)),
      unwrap(await openResult(plan, await listInMemory(bytes), restored.key, 0, { threads: 1 })),
    ];
    expect(after).toEqual(before);
    expect(restored.ownerState).toEqual(dataset.ownerState);
    const foreign = { ...copied, contextDigest: digestOfJson("another") };
    expect(await fromRecoveryKit(foreign)).toMatchObject({ error: { code: "RECOVERY_KIT_INCONSISTENT" } });
    expect(await fromRecoveryKit({ ...copied, key: "AAAA" })).toMatchObject({
      error: { code: "KEY_MALFORMED" },
    });
    expect(await fromRecoveryKit({ ...copied, extra: 1 })).toMatchObject({
      error: { code: "RECOVERY_KIT_MALFORMED" },
    });
  });
});
