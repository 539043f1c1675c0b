import { type TempFolder, tempFolder } from "@cos/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  appendOutbox,
  type Db,
  defineMigrations,
  markOutboxSent,
  openEmbeddedStore,
  readOutbox,
  resendOutbox,
  type Store,
} from "../src/index.ts";

let folder: TempFolder;
let store: Store;
let db: Db;

beforeAll(async () => {
  folder = await tempFolder("cos-resend");
  store = await openEmbeddedStore({ dataDir: folder.path });
  db = store.schema("teller");
  await db.migrate(defineMigrations({ schema: "teller", steps: [] }));
});
afterAll(async () => {
  await store.close();
  await folder.remove();
});

const message = (messageId: string) => ({
  topic: "t",
  key: "k",
  headers: { messageId, producer: "teller", mode: "live" as const },
  value: Buffer.from(messageId),
});

it("sends everything that is kept once more, under its own id and in its order", async () => {
  const wakes: string[] = [];
  const stop = db.listen("outbox", () => wakes.push("woken"));
  await db.inTransaction((tx) => appendOutbox(tx, [message("a"), message("b"), message("c")]));
  const [first, second] = await readOutbox(db, 10);
  await markOutboxSent(db, [first?.id ?? 0n, second?.id ?? 0n]);
  expect((await readOutbox(db, 10)).map(({ headers }) => headers.messageId)).toEqual(["c"]);

  expect(await db.inTransaction((tx) => resendOutbox(tx))).toBe(2);
  expect((await readOutbox(db, 10)).map(({ headers }) => headers.messageId)).toEqual(["a", "b", "c"]);
  expect(await db.inTransaction((tx) => resendOutbox(tx))).toBe(0);
  await expect.poll(() => wakes.length).toBe(2);
  stop();
});
