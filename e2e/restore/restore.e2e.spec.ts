import { join } from "node:path";
import { realPart, type TempFolder, tempFolder } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../tools/parts/cache-folder.ts";
import { type KafkaCluster, startKafkaCluster } from "../../tools/parts/kafka-cluster.ts";
import { type Ground, raiseGround } from "./ground.ts";
import { everythingUnderWay, theBooks } from "./losses.ts";
import type { Rehearsal } from "./rehearsal.ts";
import { setUpStudy } from "./study.ts";

const patienceMs = 400_000;
const [kafka, postgres, s3] = [realPart("kafka"), realPart("postgres"), realPart("s3")];

/** The hardest of `npm run test:restore`'s losses. Its topics carry the platform's own names, so its broker is its own. */
describe.skipIf(!kafka || !postgres || !s3)("every database and the event log are lost under way", () => {
  let folder: TempFolder;
  let broker: KafkaCluster;
  let ground: Ground;
  let rehearsal: Rehearsal;

  beforeAll(async () => {
    folder = await tempFolder("cos-restore");
    broker = await startKafkaCluster(folder.path, cacheFolder());
    const parts = { kafka: broker.addresses.join(","), postgres: postgres ?? "", s3: s3 ?? "" };
    ground = await raiseGround(folder.path, parts);
    const study = await setUpStudy(ground, join(folder.path, "study"));
    rehearsal = { ground, study, jobs: [], say: () => {} };
    const ended = await study.issue("accepted", 3_600);
    rehearsal.jobs.push(ended);
    await study.until([ended], ["ACCEPTED"]);
  }, patienceMs);

  afterAll(async () => {
    rehearsal?.study.close();
    await ground?.stop();
    await broker?.stop();
    await folder?.remove();
  }, patienceMs);

  it(
    "and come back from chain and objects: equal decisions, each job one result, no payment twice",
    async () => {
      const rules = await everythingUnderWay(true).run(rehearsal);
      const books = await theBooks.run(rehearsal);
      expect(rules.length).toBeGreaterThan(5);
      expect([...rules, ...books].filter(({ ok }) => !ok)).toEqual([]);
    },
    patienceMs,
  );
});
