import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a run writes into its folder, and so what a later run may replace. */
const products = ["report.html", "audit.json", "timings.json", "owner", "release"];
const marker = ".cos-demo";

export interface OutFolder {
  readonly dir: string;
  /** Homes, ciphertexts, the platform's state. */
  readonly work: string;
  readonly hospital: string;
  readonly researcher: string;
  readonly platform: string;
  /** Deletes the state that was needed only while the play ran. */
  clean(): Promise<void>;
}

/**
 * Prepares the folder of a run. An earlier run's products are replaced; a folder with anything else in it is refused,
 * so that `--out` can never cost anybody a file.
 */
export async function openOutFolder(dir: string): Promise<OutFolder> {
  const present = await readdir(dir).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT") return [];
    throw new Error(`${dir} cannot be used: ${cause.code ?? cause.message}`);
  });
  if (present.length > 0 && !present.includes(marker)) {
    throw new Error(`${dir} holds other files; choose an empty or new folder with --out`);
  }
  await mkdir(dir, { recursive: true });
  const work = join(dir, "work");
  for (const name of [...products, "work"]) await rm(join(dir, name), { recursive: true, force: true });
  await writeFile(join(dir, marker), "This folder is written by `npm run demo`, which replaces its files.\n");
  const folders = ["hospital", "researcher", "platform"].map((name) => join(work, name));
  const [hospital = "", researcher = "", platform = ""] = folders;
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o700 });
  return {
    dir,
    work,
    hospital,
    researcher,
    platform,
    clean: () => rm(work, { recursive: true, force: true }),
  };
}
