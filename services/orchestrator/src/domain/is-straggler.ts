/**
 * Whether a running replica takes so much longer than its like that another worker should try it too.
 *
 * @param elapsedSeconds since its lease began
 * @param cost           its planned cost
 * @param medianPace     median of seconds per cost over the finished replicas of its job and stage; `undefined` while
 *                       there is none
 * @param plannedPace    seconds per cost that quotes are made with
 * @param factor         how many times longer than expected is too long
 * @param minSeconds     never earlier than this: short tasks vary, and a lease costs something too
 */
export function isStraggler(input: {
  elapsedSeconds: number;
  cost: number;
  medianPace: number | undefined;
  plannedPace: number;
  factor: number;
  minSeconds: number;
}): boolean {
  const expected = input.cost * (input.medianPace ?? input.plannedPace);
  return input.elapsedSeconds > Math.max(input.minSeconds, input.factor * expected);
}

/** How many stragglers of a job may be raced at once: a tenth of what runs, at least one. */
export const racesAllowed = (running: number): number => Math.max(1, Math.floor(running / 10));
