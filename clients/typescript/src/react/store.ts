/** A value outside of React that components read with `useSyncExternalStore`. Many changes in one frame are one notice: 10,000 events/s are 60 renders. */
export class Store<T> {
  readonly #listeners = new Set<() => void>();
  #value: T;
  #isNoticing = false;

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  set(value: T): void {
    this.#value = value;
    if (this.#isNoticing) return;
    this.#isNoticing = true;
    onNextFrame(() => {
      this.#isNoticing = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  update(change: Partial<T>): void {
    this.set({ ...this.#value, ...change });
  }
}

/** Runs with the next frame; in pages that are not seen, and outside of pages, a little later. */
export function onNextFrame(run: () => void): void {
  const page = globalThis as { document?: { hidden: boolean }; requestAnimationFrame?: (run: () => void) => number };
  if (page.requestAnimationFrame && page.document?.hidden === false) page.requestAnimationFrame(run);
  else setTimeout(run, 16);
}
