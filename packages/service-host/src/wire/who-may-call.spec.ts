import { descriptorSet } from "@cos/proto";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { expect, it } from "vitest";
import { callers, hostOf, whoMayCall } from "./who-may-call.ts";

const paths = Object.values(loadFileDescriptorSetFromBuffer(descriptorSet())).flatMap((each) =>
  "format" in each ? [] : Object.values(each).map(({ path }) => path as string),
);

it("says of every rpc who may call it, and where it is answered", () => {
  expect(paths.length).toBeGreaterThan(40);
  for (const path of paths) {
    expect(whoMayCall(path), path).not.toEqual([]);
    const service = path.split("/")[1] ?? "";
    if (service !== "cos.ops.v1.OpsService") expect(callers, path).toContain(hostOf(service));
  }
});

it("gives work to workers, plans to the gateway and operations to operators, and to no one else", () => {
  expect(whoMayCall("/cos.compute.v1.TaskService/CompleteTask")).toEqual(["fhe-worker"]);
  expect(whoMayCall("/cos.compute.v1.ComputeService/QuoteJob")).toEqual(["gateway"]);
  expect(whoMayCall("/cos.ops.v1.SenderOpsService/CancelIntent")).toEqual(["operator"]);
  expect(whoMayCall("/cos.worker.v1.WorkerService/Drain")).toEqual(["operator"]);
});

it("allows nobody what it does not know", () => {
  for (const path of [
    "",
    "/",
    "/cos.ops.v1.New/Thing",
    "/constructor/x",
    "/cos.worker.v1.WorkerService/constructor",
  ]) {
    expect(whoMayCall(path)).toEqual([]);
  }
});
