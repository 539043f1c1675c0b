/** What a command sees of the world, so that tests can run commands in-process. */
export type Io = {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Whether a person can be asked. */
  readonly interactive: boolean;
  /** Asks without echoing. */
  askHidden(question: string): Promise<string>;
};

export const processIo = (): Io => ({
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
  askHidden: async (question) => {
    const { default: password } = await import("@inquirer/password");
    return password({ message: question, mask: false }, { output: process.stderr });
  },
});
