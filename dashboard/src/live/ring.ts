/** The newest `capacity` items; adding one more forgets the oldest. Nothing is moved or copied by it. */
export class Ring<T> {
  readonly #items: T[] = [];
  #next = 0;

  constructor(readonly capacity: number) {}

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.capacity;
  }

  /** 0 = the newest. */
  newest(index: number): T | undefined {
    if (index < 0 || index >= this.#items.length) return undefined;
    return this.#items[(this.#next - 1 - index + 2 * this.capacity) % this.capacity];
  }

  /** Newest first. */
  toArray(): T[] {
    return Array.from({ length: this.#items.length }, (_, index) => this.newest(index)!);
  }

  clear(): void {
    this.#items.length = 0;
    this.#next = 0;
  }
}
