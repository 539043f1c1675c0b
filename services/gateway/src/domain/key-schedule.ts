/** When a signing key counts. Times in Unix seconds. */
export type KeyTimes = {
  readonly kid: string;
  /** From here on it signs, until the next one does. */
  readonly signsFrom: number;
};

export type KeyState = "published" | "signing" | "retired";

export type ScheduledKey = KeyTimes & {
  readonly state: KeyState;
  /** Exclusive end of its use for checking; undefined while no other follows it. */
  readonly endsAt: number | undefined;
};

/**
 * What each key is for at `now`: the newest that may sign signs, later ones are only published, earlier ones check the
 * tokens that they signed until the last of them has ended. Keys past that are left out.
 *
 * @param tokenSeconds the longest life of a token
 */
export function scheduleOf(keys: readonly KeyTimes[], now: number, tokenSeconds: number): ScheduledKey[] {
  const inOrder = [...keys].sort((a, b) => a.signsFrom - b.signsFrom || (a.kid < b.kid ? -1 : 1));
  const signing = inOrder.findLastIndex(({ signsFrom }) => signsFrom <= now);
  return inOrder.flatMap((key, index): ScheduledKey[] => {
    const next = inOrder[index + 1];
    const endsAt = next && next.signsFrom + tokenSeconds;
    if (endsAt !== undefined && now >= endsAt) return [];
    const state = index > signing ? "published" : index === signing ? "signing" : "retired";
    return [{ ...key, state, endsAt }];
  });
}
