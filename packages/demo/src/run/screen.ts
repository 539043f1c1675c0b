/** Where a run shows itself: a line that moves on a terminal, plain lines elsewhere. */
export interface Screen {
  begin(actor: string, name: string): ScreenLine;
  say(line: string): void;
}

export interface ScreenLine {
  progress(done: number, total: number): void;
  done(seconds: number, note: string): void;
  failed(): void;
}

type Out = { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };

const barWidth = 24;
const redrawMs = 80;

export function openScreen(out: Out, now: () => number = Date.now): Screen {
  const moving = out.isTTY === true;
  const clear = "\r\u001b[K";
  return {
    say: (line) => void out.write(`${line}\n`),
    begin: (actor, name) => {
      const head = `  ${actor.padEnd(10)} ${name}`;
      let drawnAt = 0;
      if (moving) out.write(`${head} …`);
      return {
        progress: (done, total) => {
          if (!moving || now() - drawnAt < redrawMs) return;
          drawnAt = now();
          const filled = total > 0 ? Math.round((barWidth * Math.min(done, total)) / total) : 0;
          const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`;
          out.write(`${clear}${head} ${bar}`.slice(0, clear.length + (out.columns ?? 100) - 1));
        },
        done: (seconds, note) => {
          const time = `${seconds.toFixed(1).padStart(5)} s`;
          out.write(`${moving ? clear : ""}${time}${head}${note === "" ? "" : `: ${note}`}\n`);
        },
        failed: () => void out.write(`${moving ? clear : ""} FAILED${head}\n`),
      };
    },
  };
}

/** For callers that want no output. */
export const silentScreen: Screen = {
  say: () => {},
  begin: () => ({ progress: () => {}, done: () => {}, failed: () => {} }),
};
