import { PassThrough } from "node:stream";
import { runCli } from "../src/run-cli.ts";

export type Ran = {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The one JSON document on standard output. */
  readonly json: Record<string, unknown>;
};

/** Runs `cos --json …` in this process for one home, with cheap key files. */
export function cosFor(options: {
  home: string;
  platform: string;
  passphrase: string;
  account?: string;
  /** Told of each URL that the command asks a person to open. */
  onUrl?: (url: string) => unknown;
}) {
  return async (...args: string[]): Promise<Ran> => {
    let stdout = "";
    let stderr = "";
    const sink = new PassThrough();
    sink.on("data", (piece: Buffer) => {
      stderr += piece.toString();
      const [url] = /https?:\/\/\S+\/auth\?\S+/.exec(piece.toString()) ?? [];
      if (url !== undefined) options.onUrl?.(url);
    });
    const settings = [
      "--home",
      options.home,
      "--platform",
      options.platform,
      "--scrypt-log-n",
      "10",
      "--json",
    ];
    const account = options.account === undefined ? [] : ["--account", options.account];
    const code = await runCli([...settings, ...account, ...args], {
      stdout: {
        write: (text) => {
          stdout += text;
        },
      },
      stderr: sink,
      env: { COS_PASSPHRASE: options.passphrase },
      cwd: options.home,
      interactive: false,
      askHidden: () => Promise.reject(new Error("nobody is here")),
    });
    return { code, stdout, stderr, json: JSON.parse(stdout) as Record<string, unknown> };
  };
}
