import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CosHome } from "../home/cos-home.ts";
import { parseJson } from "../home/parse-json.ts";
import { writeSecretFile } from "../home/secret-file.ts";

/** Where an institution's session lies between commands: minutes to an hour, at one gateway, readable by its owner only. */
export type KeptSession = {
  read(): Promise<{ readonly token: string; readonly endsAtMs: number } | undefined>;
  write(session: { readonly token: string; readonly endsAtMs: number }): Promise<void>;
  forget(): Promise<void>;
};

const sessionFile = z.strictObject({
  format: z.literal("cos-session/1"),
  gateway: z.string(),
  address: z.string(),
  token: z.string().min(1),
  endsAtMs: z.int(),
});

/** @param gateway whose session it is: another's is not read */
export function keptSession(
  home: CosHome,
  of: { readonly name: string; readonly address: string; readonly gateway: string },
): KeptSession {
  const { name, address, gateway } = of;
  const path = join(home.sessions, `${name}.json`);
  return {
    read: async () => {
      const text = await readFile(path, "utf8").catch(() => undefined);
      const found = sessionFile.safeParse(parseJson(text ?? ""));
      if (!found.success || found.data.gateway !== gateway || found.data.address !== address)
        return undefined;
      return found.data;
    },
    write: ({ token, endsAtMs }) =>
      writeSecretFile(path, JSON.stringify({ format: "cos-session/1", gateway, address, token, endsAtMs })),
    forget: () => rm(path, { force: true }),
  };
}
