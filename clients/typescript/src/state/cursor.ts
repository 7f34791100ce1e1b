import type { Position, RelayEvent } from '../types.js';

/** Most events held while older ones are fetched; beyond it the older ones are given up and told as a gap. */
export const MOST_HELD = 10_000;

/** Events behind `after`, up to `until`, that are missing and are to be fetched. */
export interface Missing {
  readonly after: Position;
  readonly until: number;
}

/**
 * The place of one subscription in one channel: what it had, so that nothing is delivered twice, and what it waits for, so that nothing overtakes.
 * Plain data; the conversation with the relay calls it.
 */
export class Cursor {
  #position: Position | undefined;
  #seen = -1;
  #held: (RelayEvent | Missing)[] | undefined;

  /** Where to resume; undefined until that is known. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Older events are being fetched: newer ones wait. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** More are held than there may be. */
  get isOverfull(): boolean {
    return (this.#held?.length ?? 0) > MOST_HELD;
  }

  /** Everything up to here counts as delivered. */
  standAt(position: Position): void {
    this.#position = position;
    this.#seen = position.offset;
  }

  /** Resume from here, but deliver whatever comes first: a replay of the newest n begins where the relay says. */
  beginAt(position: Position): void {
    this.#position = position;
    this.#seen = -1;
  }

  /** The events to deliver now: this one, or none when it was delivered before or has to wait. */
  offer(event: RelayEvent): readonly RelayEvent[] {
    if (this.#held === undefined) return this.take(event) ? [event] : [];
    this.#held.push(event);
    return [];
  }

  /** Counts an event as delivered; false when it was before. Passes those that wait. */
  take(event: RelayEvent): boolean {
    const { epoch, offset } = event;
    if (epoch === undefined || offset === undefined) return true;
    if (this.#position?.epoch === epoch && offset <= this.#seen) return false;
    this.#position = { epoch, offset };
    this.#seen = offset;
    return true;
  }

  hold(): void {
    this.#held ??= [];
  }

  /** Notes that events are missing here, behind those that are held. */
  holdBehind(missing: Missing): void {
    this.#held?.push(missing);
  }

  /**
   * Lets go of what is held: the events that were not delivered meanwhile, in order, up to the next that are missing. Where there are such, the rest is held on
   * until they were fetched.
   */
  release(): { readonly events: readonly RelayEvent[]; readonly missing?: Missing } {
    const held = this.#held ?? [];
    const at = held.findIndex(one => 'until' in one);
    const missing = held[at] as Missing | undefined;
    this.#held = missing && held.slice(at + 1);
    const events = (missing ? held.slice(0, at) : held) as RelayEvent[];
    return { events: events.filter(event => this.take(event)), ...(missing && { missing }) };
  }

  /** The offset of the first event that is held. */
  get firstHeld(): number | undefined {
    return this.#held?.map(one => ('until' in one ? one.after.offset + 1 : one.offset)).find(offset => offset !== undefined);
  }

  /** The connection was cut: what is held comes again. */
  forgetHeld(): void {
    this.#held = undefined;
  }
}
