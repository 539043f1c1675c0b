import { readFile } from "node:fs/promises";

/** What a file holds, without the line's end. */
export const readSecret = async (file: string): Promise<string> => (await readFile(file, "utf8")).trim();
