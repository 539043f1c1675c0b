import type { MirrorOpsServiceService } from "@cos/proto/ops";
import { type GrpcHandlers, RpcFault } from "@cos/service-host";
import type { ResumeMirror, RewindMirror, WentBack } from "../../app/operate-mirror.ts";

export type MirrorOpsDeps = { readonly resume: ResumeMirror; readonly rewind: RewindMirror };

/** What operators may do to the mirror. */
export const mirrorOpsHandlers = ({
  resume,
  rewind,
}: MirrorOpsDeps): GrpcHandlers<typeof MirrorOpsServiceService> => ({
  resumeMirror: async ({ haltReason, dryRun }) => {
    const resumed = await orUnavailable(resume(haltReason, dryRun));
    if (!resumed.ok) {
      throw RpcFault.of(resumed.error, {
        NOT_HALTED: "FAILED_PRECONDITION",
        OTHER_REASON: "FAILED_PRECONDITION",
      });
    }
    return toWire(resumed.value);
  },

  rewindMirror: async ({ fromBlock, dryRun }) => {
    const rewound = await orUnavailable(rewind(Number(fromBlock), dryRun));
    if (!rewound.ok) {
      throw RpcFault.of(rewound.error, {
        NOT_STARTED: "FAILED_PRECONDITION",
        HALTED: "FAILED_PRECONDITION",
        OUT_OF_RANGE: "OUT_OF_RANGE",
      });
    }
    return toWire(rewound.value);
  },
});

const toWire = ({ fromBlock, retracted }: WentBack) => ({
  fromBlock: BigInt(Math.max(0, fromBlock)),
  retracted: BigInt(retracted),
});

const nodeFaults = new Set(["NODE_FAILED", "NODE_BEHIND", "FIELD_MISSING", "HEADER_FORGED"]);

/** A node that fails or is behind is no bug: the operator tries again. */
async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    throw nodeFaults.has(code) ? new RpcFault("UNAVAILABLE", code) : error;
  }
}
