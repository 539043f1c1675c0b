import type { MirrorMonitor } from "./mirror-monitor.ts";
import type { MirrorStore } from "./mirror-store.ts";

/** How the mirror is, for operators. A halt's reason is what `ResumeMirror` must repeat. */
export async function mirrorFacts(
  store: Pick<MirrorStore, "state">,
  monitor: Pick<MirrorMonitor, "read">,
): Promise<Record<string, string | number>> {
  const state = await store.state();
  const { state: doing, head, syncedAt, dispute } = monitor.read();
  const tip = state?.cursor.mirrored.number ?? -1;
  return {
    "mirror.state": state?.haltReason ? "halted" : doing,
    "mirror.head": head,
    "mirror.tip": tip,
    "mirror.confirmed": state?.cursor.confirmedNumber ?? -1,
    "mirror.finalized": state?.cursor.finalizedNumber ?? -1,
    "mirror.lag_blocks": Math.max(0, head - tip),
    "mirror.synced_at": syncedAt,
    "mirror.halt_reason": state?.haltReason ?? "",
    "mirror.dispute": dispute ?? "",
  };
}
