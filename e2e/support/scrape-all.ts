import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Scrapes `/metrics` of every service of a platform, again and again until it is told to stop or the platform ends, and
 * keeps each service's last answer as a file of its own.
 */
export async function scrapeAll(urlsFile: string, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  while (!signal.aborted) {
    for (const [name, text] of await scrape(urlsFile)) await writeFile(join(folder, `${name}.txt`), text);
    await delay(500, undefined, { signal }).catch(() => {});
  }
}

/** One scrape by service; those that do not answer (yet, or any more) are missing. */
export async function scrape(urlsFile: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const urls = await readFile(urlsFile, "utf8").then(
    (text) => JSON.parse(text) as Record<string, string>,
    () => ({}),
  );
  for (const [name, url] of Object.entries(urls)) {
    await fetch(`${url}/metrics`).then(
      async (response) => found.set(name, await response.text()),
      () => {},
    );
  }
  return found;
}
