/** What happens next: a binary heap of times with a kind and a subject. Equal times keep the order of their adding. */
export class EventQueue {
  #times: number[] = [];
  #orders: number[] = [];
  #kinds: number[] = [];
  #subjects: number[] = [];
  #added = 0;
  /** Of the event that {@link next} took last. */
  time = 0;
  kind = 0;
  subject = 0;

  add(time: number, kind: number, subject = 0): void {
    let at = this.#times.length;
    const order = this.#added++;
    this.#times.push(time);
    this.#orders.push(order);
    this.#kinds.push(kind);
    this.#subjects.push(subject);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#before(at, above)) break;
      this.#swap(at, above);
      at = above;
    }
  }

  /** Takes the earliest event. @returns false where there is none */
  next(): boolean {
    const last = this.#times.length - 1;
    if (last < 0) return false;
    this.time = this.#times[0]!;
    this.kind = this.#kinds[0]!;
    this.subject = this.#subjects[0]!;
    this.#swap(0, last);
    this.#times.pop();
    this.#orders.pop();
    this.#kinds.pop();
    this.#subjects.pop();
    for (let at = 0; ; ) {
      let least = at;
      for (let below = 2 * at + 1; below <= 2 * at + 2 && below < last; below += 1) {
        if (this.#before(below, least)) least = below;
      }
      if (least === at) return true;
      this.#swap(at, least);
      at = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#times[a]!, this.#times[b]!];
    return first < second || (first === second && this.#orders[a]! < this.#orders[b]!);
  }

  #swap(a: number, b: number): void {
    for (const column of [this.#times, this.#orders, this.#kinds, this.#subjects]) {
      const kept = column[a]!;
      column[a] = column[b]!;
      column[b] = kept;
    }
  }
}
