import type { Finding } from "../faults/audit.ts";
import { backUp } from "./dump.ts";
import {
  closeTheBooks,
  comeBack,
  compare,
  loseDatabases,
  loseThemHalfWay,
  mirrorAtHead,
  notRunAgain,
  quiet,
  type Rehearsal,
  runToTheirEnds,
  startOthers,
  until,
} from "./rehearsal.ts";
import { firstDifference, readBalances, readFollowers, type State } from "./state.ts";

/** What is lost, and what is to be seen afterwards. */
export type Loss = { readonly name: string; run(rehearsal: Rehearsal): Promise<Finding[]> };

/** Nothing is under way: every part of what the services knew is compared. */
export const everythingWhileQuiet: Loss = {
  name: "databases and event log lost, nothing under way",
  run: async (rehearsal) => {
    const { ground, study, jobs } = rehearsal;
    await runToTheirEnds(rehearsal);
    const before = await quiet(rehearsal);
    const mirror = await mirrorAtHead(rehearsal);
    const followers = await readFollowers(ground);
    const balances = await readBalances(study.hospital.client, study.accounts);
    await loseDatabases(rehearsal, { logToo: true });
    const rebuilt = await mirrorAtHead(rehearsal);
    await startOthers(rehearsal);
    const followed = await caughtUp(rehearsal, followers);
    const after = await quiet(rehearsal);
    return [
      ...compare(mirror, rebuilt),
      ...compare(followers, followed),
      {
        rule: "balances are what they were",
        ok:
          firstDifference(balances, await readBalances(study.hospital.client, study.accounts)) === undefined,
        seen: `${balances.length} accounts`,
      },
      await notRunAgain(rehearsal, jobs),
      ...[...before, ...after].filter(({ ok }) => !ok),
    ];
  },
};

/** Jobs are under way when it happens. */
export const everythingUnderWay = (logToo: boolean): Loss => ({
  name: `databases ${logToo ? "and event log " : ""}lost with jobs under way`,
  run: async (rehearsal) => {
    const ended = [...rehearsal.jobs];
    const underWay = await loseThemHalfWay(rehearsal, 3);
    const mirror = await mirrorAtHead(rehearsal);
    await loseDatabases(rehearsal, { logToo });
    const rebuilt = await mirrorAtHead(rehearsal);
    await startOthers(rehearsal);
    await rehearsal.study.until(underWay, ["ACCEPTED"]);
    return [
      ...compare(mirror, rebuilt),
      await notRunAgain(rehearsal, ended),
      ...(await quiet(rehearsal)).filter(({ ok }) => !ok),
    ];
  },
});

/** A backup is taken while services work; they go on, and then their database is lost. */
export const restoredFromBackup = (folder: string, logToo: boolean): Loss => ({
  name: `database ${logToo ? "and event log " : ""}lost, restored from a backup that is older`,
  run: async (rehearsal) => {
    const { ground, study, jobs, say } = rehearsal;
    const halfDone = await loseThemHalfWay(rehearsal, 2);
    const backup = await backUp(folder, ground.databaseUrl, ground.serverUrl, () => ground.kill());
    say(`backup by ${backup.made}, with ${halfDone.length} jobs under way`);
    await ground.start();
    await study.until(halfDone, ["ACCEPTED"]);
    const later = await study.issue("issued after the backup", 3_600);
    jobs.push(later);
    await study.until([later], ["ACCEPTED"]);
    await quiet(rehearsal);
    await ground.kill(...[...ground.fleet.processes.keys()].filter((name) => name !== "access"));
    const mirror = await mirrorAtHead(rehearsal);
    await ground.kill();
    await ground.dropDatabase();
    await backup.restore(ground.databaseUrl);
    if (logToo) await ground.log.wipe();
    else await ground.log.forgetConsumers();
    await comeBack(ground);
    say("an empty database was restored from the backup");
    await ground.start("access");
    const rebuilt = await mirrorAtHead(rehearsal);
    await startOthers(rehearsal);
    const ids = [...halfDone, later].map(({ permitId }) => permitId);
    await until("caught up", async () => {
      const rows = await ground.rows(
        "SELECT 1 FROM orchestrator.job WHERE job_id = ANY ($1) AND state IN ('COMMITTED', 'SETTLED')",
        [ids],
      );
      return rows.length === ids.length;
    });
    return [
      ...compare(mirror, rebuilt),
      {
        rule: "jobs that had ended after the backup are known as ended",
        ok: true,
        seen: `${ids.length} committed`,
      },
      ...(await quiet(rehearsal)).filter(({ ok }) => !ok),
    ];
  },
});

/** In the end: what the chain says of every permit that was ever issued. */
export const theBooks: Loss = { name: "after all of it", run: closeTheBooks };

/** Followers once they say what they said before, or what they say when they have had the time. */
async function caughtUp({ ground }: Rehearsal, wanted: State): Promise<State> {
  let last = await readFollowers(ground);
  const equal = async () => {
    last = await readFollowers(ground);
    return compare(wanted, last).every(({ ok }) => ok);
  };
  await until("equal", equal, 60_000).catch(() => {});
  return last;
}
