import { describe, expect, it } from "vitest";
import { chainEffect } from "./chain-effect.ts";

const permitId = new Uint8Array(32).fill(0xab);
const permitHex = `0x${"ab".repeat(32)}`;

describe("what a log means for jobs", () => {
  it("stops jobs by grant, by dataset and by barred version", () => {
    expect(
      chainEffect({ $case: "accessRevoked", value: { grantId: "7", datasetId: "3", by: permitId } }),
    ).toEqual({
      effect: "stop",
      target: { by: "grant", grantId: "7" },
      end: "CANCELLED",
      reason: "GRANT_REVOKED",
    });
    const versioned = (reason: string) =>
      chainEffect({
        $case: "datasetVersioned",
        value: {
          datasetId: "3",
          version: 4,
          manifestCommitment: permitId,
          manifestUri: "",
          reason,
          parent: 3,
          effectiveAt: 0n,
        },
      });
    expect(versioned("withdraw")).toMatchObject({ target: { by: "version", datasetId: "3", before: 4 } });
    expect(versioned("consent")).toMatchObject({ reason: "VERSION_BARRED" });
    expect(versioned("append")).toBeUndefined();
    expect(versioned("correct")).toBeUndefined();
  });

  it("keeps an active dataset's jobs", () => {
    const status = (text: string) =>
      chainEffect({ $case: "datasetStatusChanged", value: { datasetId: "3", status: text } });
    expect(status("active")).toBeUndefined();
    expect(status("paused")).toMatchObject({ effect: "stop", reason: "DATASET_UNAVAILABLE" });
    expect(status("withdrawn")).toMatchObject({ effect: "stop" });
  });

  it("ends a refunded permit's job as the chain says", () => {
    const end = (reason: string) => {
      const effect = chainEffect({
        $case: "jobRefunded",
        value: { permitId, reason, refunded: "0", workFee: "0", grantee: permitId, detail: permitId },
      });
      return effect?.effect === "stop" ? [effect.end, effect.reason] : undefined;
    };
    expect(end("expired")).toEqual(["EXPIRED", "PERMIT_EXPIRED"]);
    expect(end("failed")).toEqual(["FAILED", "PERMIT_FAILED"]);
    expect(end("ruled")).toEqual(["FAILED", "RESULT_OVERRULED"]);
    expect(end("revoked")).toEqual(["CANCELLED", "GRANT_REVOKED"]);
    expect(end("cancelled")).toEqual(["CANCELLED", "PERMIT_CANCELLED"]);
    expect(end("new-reason")).toEqual(["CANCELLED", "PERMIT_CANCELLED"]);
  });

  it("sees payment in acceptance, release and lapse, and nothing in other logs", () => {
    expect(chainEffect({ $case: "jobLapsed", value: { permitId, refunded: "0" } })).toEqual({
      effect: "pay",
      permitId: permitHex,
    });
    expect(chainEffect({ $case: "otherLog", value: { name: "Transfer" } as never })).toBeUndefined();
  });
});
