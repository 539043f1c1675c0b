/** Waits until all `threads` threads have come here, again and again. @param barrier 8 bytes of zeros that they share */
export function meet(barrier: SharedArrayBuffer, threads: number): void {
  const state = new Int32Array(barrier); // [threads waiting, generation]
  const generation = Atomics.load(state, 1);
  if (Atomics.add(state, 0, 1) === threads - 1) {
    Atomics.store(state, 0, 0);
    Atomics.add(state, 1, 1);
    Atomics.notify(state, 1);
  } else {
    Atomics.wait(state, 1, generation);
  }
}
