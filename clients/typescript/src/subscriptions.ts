import { asError, RelayError } from './errors.js';
import { Filling } from './filling.js';
import type { Ports } from './ports.js';
import { recoveredOf, refusalOf, type Answer, type Requests } from './requests.js';
import { Cursor } from './state/cursor.js';
import { Feed, wantsPast, type Listener } from './state/feed.js';
import type { Gap, Position, PresenceChange, RelayEvent, Subscribed, SubscribeOptions, Subscription } from './types.js';
import { optional, positionOf, type ResumedChannel } from './wire/frames.js';

/** Who listens to what here, and the frames that make the relay agree. */
export class Subscriptions {
  readonly #feeds = new Map<string, Feed>();
  readonly #patterns = new Set<Feed>();
  readonly #asked = new Map<string, Feed>();
  readonly #filling: Filling;
  readonly #leftOffline = new Set<string>();
  #isOnline = false;
  #isReconciling = false;

  constructor(
    private readonly ports: Ports,
    requests: Requests,
  ) {
    this.#filling = new Filling(ports, requests, this);
  }

  subscribe(channel: string, onEvent: (event: RelayEvent) => void, options: SubscribeOptions): Subscription {
    const ready = withResolvers<Subscribed>();
    ready.promise.catch(() => undefined);
    const listener: Listener = {
      options,
      onEvent,
      settle: result => {
        listener.isSettled = !(result instanceof Error);
        this.#settle(options, ready, result);
      },
    };
    const feed = this.#feeds.get(channel) ?? new Feed(channel);
    this.#feeds.set(channel, feed);
    if (feed.isPattern) this.#patterns.add(feed);
    this.#join(feed, listener);
    return { channel, ready: ready.promise, unsubscribe: () => this.#leave(feed, listener) };
  }

  /** An event of the connection that stands. */
  event(event: RelayEvent): void {
    for (const feed of this.#covering(event.channel)) {
      if (!feed.isLive) continue;
      const cursor = feed.cursor(event.channel);
      for (const one of cursor.offer(event)) this.deliver(feed, one);
      if (cursor.isOverfull) this.#filling.giveUp(feed, event.channel, cursor);
    }
  }

  /** Events are missing: what the relay still has is fetched, the rest told. */
  gap(gap: Required<Gap>): void {
    for (const feed of this.#covering(gap.channel)) {
      if (!feed.isLive) continue;
      const cursor = feed.cursor(gap.channel);
      const at = cursor.position;
      const reached = at?.epoch === gap.epoch ? Math.max(at.offset, gap.from - 1) : gap.from - 1;
      if (reached < gap.to) this.#filling.range(feed, gap.channel, cursor, { epoch: gap.epoch, offset: reached }, gap.to);
    }
  }

  presence(change: PresenceChange): void {
    for (const listener of this.#feeds.get(change.channel)?.listeners ?? []) this.#call(() => listener.options.onPresence?.(change));
  }

  /** An answer; false when it is to no subscribe. */
  answer(id: string, ok: boolean, body: Answer): boolean {
    const feed = this.#asked.get(id);
    if (!feed) return false;
    this.#asked.delete(id);
    if (feed.phase !== 'asked' || this.#feeds.get(feed.channel) !== feed) return true;
    if (ok) this.#stands(feed, positionOf(body), recoveredOf(body));
    else this.#refused(feed, refusalOf(body));
    return true;
  }

  /**
   * Positions for `resume`, as many as a frame has room for: of what stood, was begun, and is not heard twice. Channels without one come back live, and what they missed
   * is fetched.
   */
  positions(room: number): { [channel: string]: Position } {
    const known = new Map<string, Position>();
    let left = room - 500;
    for (const feed of this.#feeds.values()) {
      if (!feed.isInSession || !feed.position || this.#isCovered(feed)) continue;
      left -= new TextEncoder().encode(JSON.stringify({ [feed.channel]: feed.position })).length;
      if (left < 0) break;
      known.set(feed.channel, feed.position);
    }
    return Object.fromEntries(known);
  }

  /** The connection can be used. With the channels of a resumed session: what it has need not be asked for. */
  online(session: readonly ResumedChannel[] | undefined): void {
    this.#isOnline = true;
    if (!session) for (const feed of this.#feeds.values()) feed.isInSession = false;
    const has = new Map((session ?? []).map(one => [one.channel, one]));
    for (const feed of this.#feeds.values()) {
      const resumed = has.get(feed.channel);
      // Who has no place yet asks again, for the past it wanted.
      if (feed.isPattern) {
        feed.hearAgain();
      } else if (session && resumed && resumed.code === undefined && feed.isInSession && feed.position) {
        feed.phase = 'on';
        this.#stands(feed, resumed.position, resumed.recovered);
      }
    }
    this.#reconcile();
    // Every new connection hears `global` without asking.
    if (!session) this.#leftOffline.add('global');
    for (const channel of this.#leftOffline) if (!this.#feeds.has(channel)) this.ports.send({ type: 'unsubscribe', channel });
    this.#leftOffline.clear();
  }

  cut(): void {
    this.#isOnline = false;
    this.#asked.clear();
    for (const feed of this.#feeds.values()) feed.cut();
  }

  end(error: Error): void {
    this.cut();
    const feeds = [...this.#feeds.values()];
    this.#feeds.clear();
    this.#patterns.clear();
    for (const feed of feeds) {
      const listeners = [...feed.listeners];
      feed.listeners.clear();
      for (const listener of listeners) listener.settle(error);
    }
  }

  deliver(feed: Feed, event: RelayEvent): void {
    for (const [listener, events] of feed.receivers(event)) this.deliverTo(feed, listener, events);
  }

  deliverTo(feed: Feed, listener: Listener, events: readonly RelayEvent[]): void {
    for (const one of events) if (feed.listeners.has(listener)) this.#call(() => listener.onEvent(one));
  }

  lost(feed: Feed, gap: Gap): void {
    for (const listener of feed.listeners) this.lostBy(listener, gap);
  }

  lostBy(listener: Listener, gap: Gap): void {
    this.#call(() => listener.options.onGap?.(gap));
  }

  #join(feed: Feed, listener: Listener): void {
    // Also where the last one left in this very turn, and the relay has not been told.
    const isLate = feed.listeners.size > 0 || feed.stoodBefore || feed.phase !== 'new';
    const isTooNarrow = isLate && feed.isTooNarrowFor(listener.options);
    feed.add(listener);
    if (isLate && wantsPast(listener.options)) {
      listener.own = new Cursor();
      listener.own.hold();
    }
    if (isTooNarrow) {
      feed.phase = 'new';
      feed.isInSession = false;
    } else if (isLate && feed.phase === 'on') {
      this.#stoodAlready(feed, listener);
    }
    this.#changed();
  }

  #stoodAlready(feed: Feed, listener: Listener): void {
    if (listener.own) this.#filling.catchUp(feed, listener);
    else listener.settle({ channel: feed.channel, ...optional('position', feed.position), again: false });
  }

  #leave(feed: Feed, listener: Listener): void {
    if (feed.listeners.delete(listener)) this.#changed();
  }

  // Asked for and given up in one turn, as components under StrictMode do, is nothing at all.
  #changed(): void {
    if (this.#isReconciling) return;
    this.#isReconciling = true;
    queueMicrotask(() => {
      this.#isReconciling = false;
      this.#reconcile();
    });
  }

  #reconcile(): void {
    for (const feed of [...this.#feeds.values()]) {
      if (feed.listeners.size === 0) {
        this.#forget(feed);
        if (!this.#isOnline) this.#leftOffline.add(feed.channel);
        else if (feed.phase !== 'new' || feed.stoodBefore) this.ports.send({ type: 'unsubscribe', channel: feed.channel });
      }
    }
    if (!this.#isOnline) return;
    for (const feed of this.#feeds.values()) if (feed.phase === 'new') this.#ask(feed);
  }

  #ask(feed: Feed): void {
    const id = this.ports.newId();
    this.#asked.set(id, feed);
    if (feed.isPattern) this.#filling.coveredBy([...this.#feeds.values()].filter(one => !one.isPattern && feed.covers(one.channel)));
    this.ports.send(feed.ask(id, this.#isCovered(feed)));
  }

  #stands(feed: Feed, head: Position | undefined, recovered: boolean | undefined): void {
    const again = feed.stoodBefore;
    feed.phase = 'on';
    feed.isLive = feed.stoodBefore = true;
    feed.head = head;
    this.#filling.begin(feed, head, recovered, this.#isCovered(feed));
    const told: Subscribed = { channel: feed.channel, ...optional('position', head), ...optional('recovered', recovered), again };
    for (const listener of [...feed.listeners]) {
      if (listener.own) this.#filling.catchUp(feed, listener);
      else listener.settle(told);
    }
  }

  #refused(feed: Feed, error: RelayError): void {
    if (error.retryAfterMs !== undefined) {
      this.ports.later(error.retryAfterMs, () => {
        if (feed.phase === 'asked') feed.phase = 'new';
        this.#changed();
      });
      return;
    }
    const refused = feed.refused();
    for (const listener of refused) feed.listeners.delete(listener);
    if (feed.listeners.size === 0) {
      this.#forget(feed);
    } else {
      feed.phase = 'new';
      this.#changed();
    }
    for (const listener of refused) listener.settle(error);
  }

  #forget(feed: Feed): void {
    this.#feeds.delete(feed.channel);
    this.#patterns.delete(feed);
  }

  #settle(options: SubscribeOptions, ready: { resolve(value: Subscribed): void; reject(error: Error): void }, result: Subscribed | Error): void {
    if (result instanceof Error) {
      ready.reject(result);
      this.#call(() => options.onError?.(result));
    } else {
      ready.resolve(result);
      this.#call(() => options.onSubscribed?.(result));
    }
  }

  #isCovered(feed: Feed): boolean {
    return !feed.isPattern && [...this.#patterns].some(one => one.listeners.size > 0 && one.covers(feed.channel));
  }

  *#covering(channel: string): Iterable<Feed> {
    const plain = this.#feeds.get(channel);
    if (plain) yield plain;
    for (const feed of this.#patterns) if (feed.covers(channel)) yield feed;
  }

  // What a listener throws is its own: the others, and the conversation, go on.
  #call(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.ports.report(asError(error));
    }
  }
}

// Promise.withResolvers is of Node 22 and browsers of 2024.
function withResolvers<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => ((resolve = yes), (reject = no)));
  return { promise, resolve, reject };
}
