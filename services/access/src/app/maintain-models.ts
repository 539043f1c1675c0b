import type { ChainLog } from "../domain/chain-log.ts";
import { fold, type State } from "../domain/read-models.ts";
import { type Subject, subjectsOf } from "../domain/subjects-of.ts";
import type { MirrorTx, ModelChange } from "./mirror-store.ts";

/** Folds newly confirmed logs, in block order, into the read models of what they are about. */
export async function applyConfirmed(tx: MirrorTx, logs: readonly ChainLog[]): Promise<void> {
  const about = new Map<string, { readonly subject: Subject; readonly logs: ChainLog[] }>();
  for (const log of logs) {
    for (const subject of subjectsOf(log.fact)) {
      const entry = about.get(keyOf(subject)) ?? { subject, logs: [] };
      entry.logs.push(log);
      about.set(keyOf(subject), entry);
    }
  }
  if (about.size === 0) return;
  const subjects = [...about.values()].map(({ subject }) => subject);
  const known = new Map<string, State>();
  for (const { subject, state } of await tx.loadModels(subjects)) known.set(keyOf(subject), state);
  const changes: ModelChange[] = [];
  for (const [key, { subject, logs: own }] of about) {
    const before = known.get(key);
    const state = fold(subject.kind, before as never, own);
    if (state !== before) changes.push({ subject, state, since: own[0] });
  }
  await tx.saveModels(changes);
}

/** Rebuilds the read models of everything that retracted logs were about, from the published logs that remain. */
export async function refold(tx: MirrorTx, retracted: readonly ChainLog[]): Promise<void> {
  const subjects = new Map<string, Subject>();
  for (const log of retracted) {
    for (const subject of subjectsOf(log.fact)) subjects.set(keyOf(subject), subject);
  }
  const changes: ModelChange[] = [];
  for (const subject of subjects.values()) {
    const logs = await tx.confirmedLogsAbout(subject);
    changes.push({ subject, state: fold(subject.kind, undefined, logs), since: logs[0] });
  }
  await tx.saveModels(changes);
}

const keyOf = ({ kind, id }: Subject): string => `${kind} ${id}`;
