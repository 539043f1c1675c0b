import type { MirrorOperationsServiceService } from "@cos/proto/access";
import { type GrpcHandlers, RpcFault } from "@cos/service-host";
import type { ResumeMirror } from "../../app/operate-mirror.ts";

/** What operators may do to the mirror. */
export const operationsHandlers = (
  resume: ResumeMirror,
): GrpcHandlers<typeof MirrorOperationsServiceService> => ({
  resumeMirror: async ({ haltReason }) => {
    const resumed = await resume(haltReason, false);
    if (!resumed.ok) {
      throw RpcFault.of(resumed.error, {
        NOT_HALTED: "FAILED_PRECONDITION",
        OTHER_REASON: "FAILED_PRECONDITION",
      });
    }
    return { fromBlock: BigInt(Math.max(0, resumed.value.fromBlock)) };
  },
});
