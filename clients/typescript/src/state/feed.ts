import { isPattern, matches, passes } from '../wire/names.js';
import { optional, type ClientFrame } from '../wire/frames.js';
import type { Position, RelayEvent, SubscribeOptions, Subscribed } from '../types.js';
import { Cursor } from './cursor.js';

/** One who listens: a call of `subscribe`. */
export interface Listener {
  readonly options: SubscribeOptions;
  readonly onEvent: (event: RelayEvent) => void;
  /** Its own place while it catches up with a feed that runs; undefined when it is where the feed is. */
  own?: Cursor | undefined;
  /** It was told that the subscription stands. */
  isSettled?: boolean;
  settle(result: Subscribed | Error): void;
}

/** `new`: the relay is to be asked; `asked`: its answer is awaited; `on`: events come. */
export type FeedPhase = 'new' | 'asked' | 'on';

/** Channels of a pattern whose places are known, so that what they missed can be fetched after a cut; the one heard longest ago is forgotten first. */
export const MOST_CHANNELS_OF_PATTERN = 256;

/** What the relay knows as one subscription: a channel or pattern, and all who listen to it here. Plain data. */
export class Feed {
  readonly isPattern: boolean;
  readonly listeners = new Set<Listener>();
  phase: FeedPhase = 'new';
  /** Events are delivered. Not between asking for the past and its answer: what comes then comes again behind it. */
  isLive = false;
  /** It stood before: what comes now comes again. */
  stoodBefore = false;
  /** It stood, so the relay's session has it. */
  isInSession = false;
  /** Where the channel stood when the relay answered. */
  head: Position | undefined;
  readonly #cursor = new Cursor();
  readonly #cursors = new Map<string, Cursor>();
  #wasCut = false;
  #asked: readonly string[] | undefined;
  #askedPresence = false;

  constructor(readonly channel: string) {
    this.isPattern = isPattern(channel);
  }

  /** Whether events of this channel are its. */
  covers(channel: string): boolean {
    return this.isPattern ? matches(this.channel, channel) : this.channel === channel;
  }

  /** The place in a channel; a pattern has one for each. */
  cursor(channel: string): Cursor {
    if (!this.isPattern) return this.#cursor;
    const known = this.#cursors.get(channel) ?? new Cursor();
    this.#cursors.delete(channel);
    this.#cursors.set(channel, known);
    if (this.#cursors.size > MOST_CHANNELS_OF_PATTERN) this.#cursors.delete(this.#cursors.keys().next().value!);
    return known;
  }

  /** Every place there is, by channel. */
  places(): readonly (readonly [string, Cursor])[] {
    return this.isPattern ? [...this.#cursors] : [[this.channel, this.#cursor]];
  }

  /** The position of a plain channel, once it is known. */
  get position(): Position | undefined {
    return this.isPattern ? undefined : this.#cursor.position;
  }

  /** The connection is gone. */
  cut(): void {
    const stood = this.phase === 'on';
    // Asked for anew, it may be there as it was or as it is wanted: it is asked for once more.
    this.isInSession = stood || (this.isInSession && this.phase === 'new' && !this.isLive);
    this.#wasCut ||= stood;
    this.phase = 'new';
    this.isLive = false;
    for (const [, cursor] of this.places()) cursor.forgetHeld();
    for (const listener of this.listeners) listener.own?.forgetHeld();
  }

  /**
   * A pattern is asked for again after a cut, also where the session has it: only its answer says from when on it hears everything. What it hears before is delivered, but waits in
   * the channels that have something to catch up with.
   */
  hearAgain(): void {
    this.isLive = this.stoodBefore;
    for (const [, cursor] of this.places()) if (cursor.position) cursor.hold();
  }

  /** Whether it was cut since this was asked last. */
  takeCut(): boolean {
    const was = this.#wasCut;
    this.#wasCut = false;
    return was;
  }

  /** What the first listener wants of the past: the relay is asked for that, later ones catch up by themselves. */
  wish: SubscribeOptions | undefined;

  /** Adds a listener; the first one says where the feed begins. */
  add(listener: Listener): void {
    if (this.listeners.size === 0 && !this.stoodBefore) {
      this.wish = listener.options;
      if (listener.options.since && !this.isPattern) this.#cursor.standAt(listener.options.since);
    }
    this.listeners.add(listener);
  }

  /**
   * The frame that asks for it. Where a pattern covers the channel the relay sends each event twice and does not say for which: then nothing of the past is
   * asked for here, and the client fetches it.
   */
  ask(id: string, isCovered: boolean): ClientFrame {
    this.phase = 'asked';
    const wishes = [...this.listeners].map(listener => listener.options);
    this.#asked = union(wishes);
    const presence = wishes.filter(wish => wish.presence !== undefined && wish.presence !== false);
    this.#askedPresence = presence.length > 0;
    const past = isCovered || this.isPattern ? {} : this.#past();
    this.isLive &&= Object.keys(past).length === 0;
    return {
      type: 'subscribe',
      id,
      channel: this.channel,
      ...optional('filter', this.#asked && { events: this.#asked }),
      ...(this.#askedPresence ? { presence: true } : {}),
      ...(this.#askedPresence && presence.every(wish => wish.presence === 'user') ? { presence_by: 'user' } : {}),
      ...past,
    };
  }

  /** Whether the relay must be asked again for what a new listener wants. */
  isTooNarrowFor(options: SubscribeOptions): boolean {
    const more = this.#asked !== undefined && (options.filter === undefined || options.filter.some(one => !this.#asked!.includes(one)));
    return more || (!this.#askedPresence && options.presence !== undefined && options.presence !== false);
  }

  /**
   * Who goes when the relay refuses what all want together: those who joined what stood before, else those who want presence where others do not (a namespace may be without it),
   * else all.
   */
  refused(): readonly Listener[] {
    const all = [...this.listeners];
    for (const isFault of [(one: Listener) => !one.isSettled, ({ options }: Listener) => options.presence !== undefined && options.presence !== false]) {
      const some = all.filter(isFault);
      if (some.length > 0 && some.length < all.length) return some;
    }
    return all;
  }

  /** Gives an event to those whose filter lets it pass. A listener that catches up takes it in its own time. */
  *receivers(event: RelayEvent): Iterable<readonly [Listener, readonly RelayEvent[]]> {
    for (const listener of this.listeners) {
      const events = listener.own ? listener.own.offer(event) : [event];
      const wanted = events.filter(one => passes(listener.options.filter, one.event));
      if (wanted.length > 0) yield [listener, wanted];
    }
  }

  #past(): object {
    const since = this.position;
    const wish = this.wish ?? {};
    return since === undefined ? pastOf(wish) : { since, ...(wish.lastPerKey ? { last_per_key: true } : {}) };
  }
}

/** The members of `subscribe` and `history` that say where to begin. */
export function pastOf(options: SubscribeOptions): { readonly since?: Position; readonly since_time?: number; readonly last?: number; readonly last_per_key?: true } {
  const { since, sinceTime, last, lastPerKey } = options;
  return {
    ...optional('since', since),
    ...optional('since_time', sinceTime === undefined ? undefined : Number(sinceTime)),
    ...optional('last', last),
    ...(lastPerKey ? { last_per_key: true as const } : {}),
  };
}

/** Whether something from before is asked for. */
export const wantsPast = (options: SubscribeOptions): boolean => Object.keys(pastOf(options)).length > 0;

// All names that any of them wants; undefined when one wants everything.
function union(wishes: readonly SubscribeOptions[]): readonly string[] | undefined {
  const names = new Set<string>();
  for (const { filter } of wishes) {
    if (filter === undefined) return undefined;
    for (const one of filter) names.add(one);
  }
  return [...names];
}
