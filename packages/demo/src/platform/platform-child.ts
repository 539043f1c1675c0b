import { type PlatformOptions, type RunningPlatform, startPlatform } from "@cos/standalone";

/** What the parent asks of the platform's process. */
export type ToPlatform =
  | { readonly kind: "start"; readonly options: Omit<PlatformOptions, "now"> }
  /** Moves the services' clock; the chain's own is moved by its RPC. */
  | { readonly kind: "shift-clock"; readonly seconds: number }
  | { readonly kind: "stop" };

/** What it answers. */
export type FromPlatform =
  | { readonly kind: "started"; readonly platformFile: string; readonly logFile: string }
  | { readonly kind: "clock-shifted" }
  | { readonly kind: "failed"; readonly message: string };

/**
 * The operator's machine of the demonstration: all services in this process. It ends when it is told to, and also when
 * whoever started it is gone, whatever ended that.
 */
let starting: Promise<RunningPlatform> | undefined;
let stopping = false;
let shiftSeconds = 0;

const tell = (message: FromPlatform): void => {
  if (process.connected) process.send?.(message);
};

/** A platform that is still starting has its chain already: it is waited for, then stopped. */
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  const running = await starting?.catch(() => undefined);
  await running?.stop();
  process.exit(0);
}

async function start(options: Omit<PlatformOptions, "now">): Promise<void> {
  starting = startPlatform({ ...options, now: () => Math.floor(Date.now() / 1000) + shiftSeconds });
  try {
    const { platformFile, logFile } = await starting;
    tell({ kind: "started", platformFile, logFile });
  } catch (cause) {
    tell({
      kind: "failed",
      message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    });
    process.exit(1);
  }
}

process.on("message", (message: ToPlatform) => {
  if (message.kind === "start") void start(message.options);
  if (message.kind === "stop") void stop();
  if (message.kind === "shift-clock") {
    shiftSeconds += message.seconds;
    tell({ kind: "clock-shifted" });
  }
});
process.on("disconnect", () => void stop());
// A Ctrl-C reaches the whole process group; the parent decides when this process ends.
process.on("SIGINT", () => {});
