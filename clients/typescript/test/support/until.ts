import type { RelayClient, Status } from '../../src/index.js';

/** Resolves when the client's status is one that is wanted. */
export function status(client: RelayClient<never> | RelayClient, wanted: Status['phase'] | ((status: Status) => boolean)): Promise<Status> {
  const fits = typeof wanted === 'function' ? wanted : (one: Status) => one.phase === wanted;
  if (fits(client.status)) return Promise.resolve(client.status);
  return new Promise(resolve => {
    const stop = client.on('status', one => {
      if (!fits(one)) return;
      stop();
      resolve(one);
    });
  });
}

/** A list that can be waited for. */
export class Seen<T> {
  readonly items: T[] = [];
  #waiting: (() => void)[] = [];

  readonly add = (item: T): void => {
    this.items.push(item);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  };

  async count(n: number): Promise<T[]> {
    while (this.items.length < n) await new Promise<void>(look => this.#waiting.push(look));
    return this.items;
  }

  async some(fits: (item: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.items.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>(look => this.#waiting.push(look));
    }
  }
}
