import DataLoader from "dataloader";

/** More in one wave would make one statement too long. */
const mostInAWave = 500;

/**
 * Writes what comes one by one in waves: the first at once, and all that comes while a wave is on its way in the next. A
 * busy process so pays one round trip for many, an idle one waits for nobody.
 * @param write all or none of a wave; what it throws is thrown to each of the wave
 */
export function inWaves<T>(write: (wave: readonly T[]) => Promise<void>): (one: T) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  const waves = new DataLoader<T, undefined>(
    (wave) => {
      const written = write(wave).then(() => wave.map(() => undefined));
      last = written.catch(() => {});
      return written;
    },
    {
      cache: false,
      maxBatchSize: mostInAWave,
      batchScheduleFn: (begin) => {
        last.then(begin);
      },
    },
  );
  return (one) => waves.load(one);
}
