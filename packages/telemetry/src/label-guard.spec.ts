import fc from "fast-check";
import { expect, it } from "vitest";
import { LabelGuard } from "./label-guard.ts";

it.each([
  "0x52908400098527886e0f7030069857d2e4169ee7",
  "0xA1b2c3d4e5f60718",
  "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
  "sample 17",
  "HG00096;DROP",
  "12345678",
  "é",
  `${"a".repeat(97)}`,
])("calls %s other", (value) => {
  expect(new LabelGuard().value("m", "l", value)).toBe("other");
});

it.each([
  "BeginTask",
  "eu-central",
  "compute.tasks.any.v1",
  "/v1/objects/:digest",
  "PERMIT_EXPIRED",
  "",
  "0.99",
  "v24.21.0",
])("keeps %s", (value) => {
  expect(new LabelGuard().value("m", "l", value)).toBe(value);
});

it("keeps the first 64 values of a label, whatever comes", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 300 }), (values) => {
      const guard = new LabelGuard();
      const kept = new Set(values.map((value) => guard.value("m", "l", value)));
      kept.delete("other");
      return kept.size <= 64;
    }),
  );
  const guard = new LabelGuard();
  const names = Array.from({ length: 65 }, (_, index) => `region-${index}`);
  expect(names.map((name) => guard.value("m", "l", name)).slice(-2)).toEqual(["region-63", "other"]);
  expect(guard.value("m", "l", "region-0")).toBe("region-0");
  expect(guard.value("m", "other-label", "region-64")).toBe("region-64");
});
