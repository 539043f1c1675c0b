import type { ChainLog } from "../domain/chain-log.ts";
import { fold, type Kind, type State } from "../domain/read-models.ts";
import { type Subject, subjectsOf } from "../domain/subjects-of.ts";
import type { MirrorTx } from "./mirror-store.ts";

/** Folds newly confirmed logs, in block order, into the read models of what they are about. */
export async function applyConfirmed(tx: MirrorTx, logs: readonly ChainLog[]): Promise<void> {
  const touched = new Map<string, Touched>();
  for (const log of logs) {
    for (const subject of subjectsOf(log.fact)) {
      const key = `${subject.kind} ${subject.id}`;
      const before = touched.get(key);
      const state = before ? before.state : await tx.loadModel(subject.kind, subject.id);
      const since = before?.since ?? log;
      touched.set(key, {
        subject,
        since,
        known: before?.known ?? state !== undefined,
        state: fold(subject.kind, state, [log]),
      });
    }
  }
  for (const { subject, state, since, known } of touched.values()) {
    if (state !== undefined || known) await save(tx, subject, state, since);
  }
}

/** Rebuilds the read models of everything that retracted logs were about, from the published logs that remain. */
export async function refold(tx: MirrorTx, retracted: readonly ChainLog[]): Promise<void> {
  const subjects = new Map<string, Subject>();
  for (const log of retracted) {
    for (const subject of subjectsOf(log.fact)) subjects.set(`${subject.kind} ${subject.id}`, subject);
  }
  for (const subject of subjects.values()) {
    const logs = await tx.confirmedLogsAbout(subject);
    await save(tx, subject, fold(subject.kind, undefined, logs), logs[0]);
  }
}

type Touched = { subject: Subject; since: ChainLog; known: boolean; state: State | undefined };

const save = (tx: MirrorTx, { kind, id }: Subject, state: State | undefined, since: ChainLog | undefined) =>
  tx.saveModel(kind as Kind, id, state as never, since);
