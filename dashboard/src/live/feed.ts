import type { Gap, RelayClient, RelayEvent, Subscription } from '@actorrelay/client';
import { compile, type Filter } from './filter';
import { Ring } from './ring';
import { Sampling } from './sampling';

/** A line of the list: an event, or that events are missing. */
export interface Row {
  readonly number: number;
  readonly event?: RelayEvent;
  readonly note?: string;
  /** Stands for so many events; 1 = all are shown. */
  readonly every: number;
}

/** What the page shows; a new object with every change. */
export interface FeedState {
  /** Lines that can be had with {@link Feed.at}. */
  readonly rows: number;
  /** Lines that came since the list was held; 0 when it is not. */
  readonly waiting: number;
  readonly isHeld: boolean;
  /** Events received, and of these those that pass the filter. */
  readonly received: number;
  readonly matching: number;
  readonly perSecond: number;
  /** The list shows one event in so many, in its part that shows fewest. */
  readonly every: number;
  /** Events that will not come. */
  readonly missing: number;
  readonly refused: readonly { readonly channel: string; readonly reason: string }[];
  readonly subscribed: number;
}

/** Everything: patterns do not match channels without a part behind the slash. */
export const EVERYTHING: readonly string[] = ['global', 'metrics', 'hooks', 'users', 'users/**', 'projects/**', 'agents/**', 'sessions/**', 'topics/**'];

const MOST_ROWS = 10_000;
const KEPT_PER_SECOND = 1_000;

/** Frames are not drawn in pages that are not seen: then so often. */
const HIDDEN_MS = 500;

/** Of more events per second nobody reads the lines as they fly past: they are drawn ten times a second, and the page has time for its visitor. */
const MANY = 100;
const MANY_MS = 100;

/**
 * The events of some channels, as lines. An event costs its filter and a place in a ring; the page hears of them at most once per animation frame.
 */
export class Feed {
  readonly #all = new Ring<Row>(MOST_ROWS);
  readonly #shown = new Ring<Row>(MOST_ROWS);
  readonly #sampleAll = new Sampling(KEPT_PER_SECOND);
  readonly #sampleShown = new Sampling(KEPT_PER_SECOND);
  readonly #listeners = new Set<() => void>();
  readonly #subscriptions: Subscription[] = [];
  readonly #refused = new Map<string, string>();
  #passes: ((event: RelayEvent) => boolean) | undefined;
  #held: Row[] | undefined;
  #heldAt = 0;
  #number = 0;
  #lines = 0;
  #received = 0;
  #matching = 0;
  #missing = 0;
  #subscribed = 0;
  #rates: { readonly at: number; readonly received: number }[] = [];
  #isDue = false;
  #flushedAt = 0;
  #isAsked = false;
  #state: FeedState = { rows: 0, waiting: 0, isHeld: false, received: 0, matching: 0, perSecond: 0, every: 1, missing: 0, refused: [], subscribed: 0 };

  constructor(private readonly now: () => number = () => performance.now()) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly get = (): FeedState => this.#state;

  /** Line 0 is the newest. */
  readonly at = (index: number): Row | undefined => (this.#held ? this.#held[index] : this.#shown.newest(index));

  /** Listens to these channels and patterns, beginning with the newest `last` events of those that are no patterns. */
  listen(client: RelayClient, channels: readonly string[], last: number): void {
    this.leave();
    for (const channel of new Set(channels)) {
      this.#subscriptions.push(client.subscribe(channel, event => this.add(event), {
        ...(channel.includes('*') || last === 0 ? {} : { last }),
        onGap: gap => this.gap(gap),
        onSubscribed: subscribed => {
          if (!subscribed.again) this.#subscribed++;
          this.#due();
        },
        onError: error => {
          this.#refused.set(channel, error.message);
          this.#due();
        },
      }));
    }
  }

  leave(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    this.#refused.clear();
    this.#subscribed = 0;
  }

  add(event: RelayEvent): void {
    this.#received++;
    const now = this.now();
    const number = ++this.#number;
    if (this.#sampleAll.keeps(now)) this.#all.push({ number, event, every: this.#sampleAll.every });
    if (!this.#passes || this.#passes(event)) {
      this.#matching++;
      if (this.#sampleShown.keeps(now)) this.#show({ number, event, every: this.#sampleShown.every });
    }
    this.#due();
  }

  gap({ channel, from, to }: Gap): void {
    const known = from !== undefined && to !== undefined;
    if (known) this.#missing += to - from + 1;
    const row = { number: ++this.#number, note: known ? `Events ${from} to ${to} of ${channel} are missing and will not come` : `Events of ${channel} are missing and will not come`, every: 1 };
    this.#all.push(row);
    this.#show(row);
    this.#due();
  }

  /** Begins the list anew with what is still known of all events. */
  filter(filter: Filter): void {
    this.#passes = compile(filter);
    this.#shown.clear();
    this.#matching = 0;
    for (const row of this.#all.toArray().reverse()) {
      if (row.event && this.#passes && !this.#passes(row.event)) continue;
      if (row.event) this.#matching += row.every;
      this.#shown.push(row);
    }
    if (this.#held) this.#hold();
    this.#due();
  }

  /** The list stands still, and goes on to collect. */
  hold(isHeld: boolean): void {
    if (isHeld === (this.#held !== undefined)) return;
    if (isHeld) this.#hold();
    else this.#held = undefined;
    this.#flush();
  }

  clear(): void {
    this.#all.clear();
    this.#shown.clear();
    this.#held = this.#held && [];
    this.#heldAt = this.#lines;
    this.#received = this.#matching = this.#missing = 0;
    this.#rates = [];
    this.#flush();
  }

  #hold(): void {
    this.#held = this.#shown.toArray();
    this.#heldAt = this.#lines;
  }

  #show(row: Row): void {
    this.#lines++;
    this.#shown.push(row);
  }

  #due(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const isSeen = typeof document !== 'undefined' && document.visibilityState === 'visible';
    const frame = (): void => {
      if (!this.#isDue) return;
      if (isSeen) requestAnimationFrame(() => this.#isDue && this.#flush());
      else this.#flush();
    };
    const wait = isSeen ? (this.#state.perSecond > MANY ? MANY_MS - (this.now() - this.#flushedAt) : 0) : HIDDEN_MS;
    if (wait > 0) setTimeout(frame, wait);
    else frame();
  }

  #flush(): void {
    this.#isDue = false;
    this.#flushedAt = this.now();
    this.#state = {
      rows: this.#held?.length ?? this.#shown.length,
      waiting: this.#held ? this.#lines - this.#heldAt : 0,
      isHeld: this.#held !== undefined,
      received: this.#received,
      matching: this.#matching,
      perSecond: this.#rate(),
      every: this.#fewest(),
      missing: this.#missing,
      refused: [...this.#refused].map(([channel, reason]) => ({ channel, reason })),
      subscribed: this.#subscribed,
    };
    for (const listener of this.#listeners) listener();
  }

  // Of the last two seconds.
  #rate(): number {
    const at = this.now();
    this.#rates.push({ at, received: this.#received });
    while (this.#rates.length > 1 && at - this.#rates[0]!.at > 2000) this.#rates.shift();
    const { at: since, received } = this.#rates[0]!;
    // So that the rate falls to nothing when nothing comes any more.
    if (this.#received > received && !this.#isAsked) {
      this.#isAsked = true;
      setTimeout(() => {
        this.#isAsked = false;
        this.#due();
      }, 1000);
    }
    return at - since < 200 ? this.#state.perSecond : Math.round(((this.#received - received) * 1000) / (at - since));
  }

  // Rows are few that stand for the most: every hundredth is looked at, which is the same but for a moment.
  #fewest(): number {
    let most = 1;
    for (let index = 0; index < this.#shown.length; index += 100) most = Math.max(most, this.at(index)?.every ?? 1);
    return most;
  }
}
