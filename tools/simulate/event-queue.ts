/**
 * What happens next: a binary heap of times with a kind and a subject. Equal times keep the order of their adding. Columns
 * instead of objects, because a run of a large fleet adds millions.
 */
export class EventQueue {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #kinds: number[] = [];
  readonly #subjects: number[] = [];
  #added = 0;
  /** Of the event that {@link next} took last. */
  time = 0;
  kind = 0;
  subject = 0;

  add(time: number, kind: number, subject = 0): void {
    const order = this.#added++;
    let at = this.#times.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#times[above]! <= time) break; // what was added before goes first
      this.#move(above, at);
      at = above;
    }
    this.#put(at, time, order, kind, subject);
  }

  /** Takes the earliest event. @returns false where there is none */
  next(): boolean {
    if (this.#times.length === 0) return false;
    this.time = this.#times[0]!;
    this.kind = this.#kinds[0]!;
    this.subject = this.#subjects[0]!;
    const [time, order] = [this.#times.pop()!, this.#orders.pop()!];
    const [kind, subject] = [this.#kinds.pop()!, this.#subjects.pop()!];
    const size = this.#times.length;
    if (size === 0) return true;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && this.#before(below + 1, this.#times[below]!, this.#orders[below]!)) below += 1;
      if (!this.#before(below, time, order)) break;
      this.#move(below, at);
      at = below;
    }
    this.#put(at, time, order, kind, subject);
    return true;
  }

  #before(at: number, time: number, order: number): boolean {
    return this.#times[at]! < time || (this.#times[at] === time && this.#orders[at]! < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#orders[from]!, this.#kinds[from]!, this.#subjects[from]!);
  }

  #put(at: number, time: number, order: number, kind: number, subject: number): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#kinds[at] = kind;
    this.#subjects[at] = subject;
  }
}
