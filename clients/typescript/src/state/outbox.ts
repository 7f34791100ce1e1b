import { RelayError } from '../errors.js';
import type { ClientFrame } from '../wire/frames.js';

export interface OutboxLimits {
  /** Publishes that wait or are under way. */
  readonly publishes: number;
  /** Bytes of their frames. */
  readonly bytes: number;
  /** Publishes under way at the same time. */
  readonly inFlight: number;
}

/** A publish that has no answer yet. */
export interface Entry {
  readonly id: string;
  readonly channel: string;
  readonly frame: ClientFrame;
  readonly bytes: number;
  /** It left at least once, so it may have been accepted. */
  wasSent: boolean;
  isUnderWay: boolean;
  /** Not before this time, where the relay said so. */
  notBefore: number;
}

/**
 * Publishes in the order they were asked for, until they are answered. Under way at a cut means sent again, under the same id; two with the same id wait for
 * each other, since the answer says only the id. Plain data: bounds, order and ids; no clock, no socket.
 */
export class Outbox<E extends Entry = Entry> {
  readonly #entries: E[] = [];
  readonly #underWay = new Map<string, E>();
  #bytes = 0;

  constructor(private readonly limits: OutboxLimits) {}

  get size(): number {
    return this.#entries.length;
  }

  /** @throws RelayError `QUEUE_FULL` */
  add(entry: E): void {
    const { publishes, bytes } = this.limits;
    if (this.#entries.length >= publishes || this.#bytes + entry.bytes > bytes) {
      throw new RelayError(
        'QUEUE_FULL',
        `The publish queue is full (${this.#entries.length} of ${publishes} publishes, ${this.#bytes} of ${bytes} bytes wait for the relay): ` +
          'publish again when earlier ones were answered, or raise maxQueuedPublishes or maxQueuedBytes',
      );
    }
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  /** One that waits or is under way with this id on this channel. */
  find(id: string, channel: string): E | undefined {
    return this.#entries.find(entry => entry.id === id && entry.channel === channel);
  }

  /** The next to send at this time, marked as under way; in order. */
  next(now: number): E | undefined {
    if (this.#underWay.size >= this.limits.inFlight) return undefined;
    const entry = this.#first(now);
    if (entry === undefined) return undefined;
    entry.isUnderWay = entry.wasSent = true;
    this.#underWay.set(entry.id, entry);
    return entry;
  }

  /** When one that was put off may go; undefined when none is. */
  nextAt(): number | undefined {
    const times = this.#entries.filter(entry => !entry.isUnderWay && entry.notBefore > 0).map(entry => entry.notBefore);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Takes out the one under way with this id; undefined for answers nobody waits for. */
  answered(id: string): E | undefined {
    const entry = this.#underWay.get(id);
    if (entry) this.remove(entry);
    return entry;
  }

  /** The relay asked to try this one again later. */
  putOff(id: string, until: number): void {
    const entry = this.#underWay.get(id);
    if (!entry) return;
    this.#underWay.delete(id);
    entry.isUnderWay = false;
    entry.notBefore = until;
  }

  /** The connection is gone: what was under way goes again first, in the old order. */
  cut(): void {
    this.#underWay.clear();
    for (const entry of this.#entries) entry.isUnderWay = false;
  }

  remove(entry: E): void {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return;
    this.#entries.splice(at, 1);
    this.#bytes -= entry.bytes;
    if (this.#underWay.get(entry.id) === entry) this.#underWay.delete(entry.id);
  }

  // What stands behind one that was put off waits with it: a channel's publishes keep their order.
  #first(now: number): E | undefined {
    const waiting = new Set<string>();
    for (const entry of this.#entries) {
      if (entry.isUnderWay || waiting.has(entry.channel)) continue;
      if (entry.notBefore <= now && !this.#underWay.has(entry.id)) return entry;
      waiting.add(entry.channel);
    }
    return undefined;
  }

  /** Takes out all. */
  clear(): E[] {
    this.#underWay.clear();
    this.#bytes = 0;
    return this.#entries.splice(0);
  }
}
