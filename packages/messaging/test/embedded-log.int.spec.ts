import { openEmbeddedStore } from "@cos/store";
import { type LogUnderTest, messageLogContract, openTestStore, type TestStore } from "@cos/testkit";
import { openEmbeddedLog } from "../src/index.ts";

messageLogContract(async () => underTest(await openTestStore()));

/** Closing the store under the log is what a crash leaves: everything durable, nothing drained. */
async function underTest(test: TestStore): Promise<LogUnderTest> {
  return {
    log: await openEmbeddedLog({ store: test.store }),
    reopen: async () => {
      await test.store.close();
      const store = await openEmbeddedStore({ dataDir: test.dataDir });
      const dispose = async () => {
        await store.close();
        await test.dispose();
      };
      return underTest({ store, dataDir: test.dataDir, dispose });
    },
    dispose: test.dispose,
  };
}
