/** A service as a process: starts it, stops it in order on SIGTERM or SIGINT, and exits 1 when it cannot start. */
export async function runService(start: () => Promise<{ stop(): Promise<void> }>): Promise<void> {
  const running = await start().catch((error: unknown) => {
    process.stderr.write(`cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await running.stop();
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop());
  process.on("SIGINT", () => void stop());
}
