import { RelayError } from './errors.js';
import type { Ports } from './ports.js';
import type { Answer, Requests } from './requests.js';
import type { Cursor } from './state/cursor.js';
import { pastOf, wantsPast, type Feed, type Listener } from './state/feed.js';
import type { Gap, Position, RelayEvent, SubscribeOptions } from './types.js';
import { eventOf, optional, positionOf } from './wire/frames.js';
import { passes } from './wire/names.js';

/** Events of one page; the relay sends at most 1 MiB whatever is asked. */
const PAGE = 1000;

/** Tries of one page while the relay asks to try again later. */
const TRIES = 20;

/** Where events that were fetched, and word of those that are gone, are handed to. */
export interface Receiver {
  deliver(feed: Feed, event: RelayEvent): void;
  deliverTo(feed: Feed, listener: Listener, events: readonly RelayEvent[]): void;
  lost(feed: Feed, gap: Gap): void;
  lostBy(listener: Listener, gap: Gap): void;
}

type Ask = ReturnType<typeof askOf>;

/** One fetching: into a cursor, events to `deliver`, word of missing ones to `lost`. */
interface Job {
  readonly channel: string;
  readonly cursor: Cursor;
  readonly until?: number;
  deliver(event: RelayEvent): void;
  lost(gap: Gap): void;
  done(): void;
}

/**
 * Fetches from the history what a subscription misses, and lets newer events wait meanwhile: gaps, what was missed in channels of patterns or in channels that a
 * pattern covers, and the past of whoever joins a subscription that runs.
 */
export class Filling {
  readonly #jobs = new Map<Cursor, Job>();

  constructor(
    private readonly ports: Ports,
    private readonly requests: Requests,
    private readonly receiver: Receiver,
  ) {}

  /** A subscription stands: decides what of the past is to be fetched here because the relay does not send it by itself. */
  begin(feed: Feed, head: Position | undefined, recovered: boolean | undefined, isCovered: boolean): void {
    if (feed.isPattern) this.#pattern(feed);
    else if (head) this.#plain(feed, head, recovered, isCovered);
  }

  /** Events are missing behind `after`; those on their way wait. */
  range(feed: Feed, channel: string, cursor: Cursor, after: Position, until: number): void {
    if (cursor.isHolding) cursor.holdBehind({ after, until });
    else this.#run(this.#job(feed, channel, cursor, until), { since: after });
  }

  /** Too many wait: what is being fetched is given up. */
  giveUp(feed: Feed, channel: string, cursor: Cursor): void {
    const job = this.#jobs.get(cursor) ?? this.#job(feed, channel, cursor);
    job.lost({ channel, ...range(cursor.position, (cursor.firstHeld ?? 0) - 1) });
    this.#finish(job);
  }

  /** A pattern is about to cover these: their events will come twice, and must not overtake what the relay may still be sending from before. */
  coveredBy(feeds: readonly Feed[]): void {
    for (const feed of feeds) {
      const cursor = feed.cursor(feed.channel);
      if (feed.phase !== 'on' || !feed.head || cursor.isHolding) continue;
      if (cursor.position === undefined) this.#run(this.#job(feed, feed.channel, cursor), askOf(feed.wish ?? {}));
      else if (cursor.position.offset < feed.head.offset) this.range(feed, feed.channel, cursor, cursor.position, feed.head.offset);
    }
  }

  /** Brings a listener that joined late to where its feed is. */
  catchUp(feed: Feed, listener: Listener): void {
    const cursor = listener.own!;
    const again = cursor.position !== undefined;
    cursor.hold();
    const give = (event: RelayEvent) => this.receiver.deliverTo(feed, listener, passes(listener.options.filter, event.event) ? [event] : []);
    let recovered = true;
    const job: Job = {
      channel: feed.channel,
      cursor,
      deliver: give,
      lost: gap => {
        recovered = false;
        this.receiver.lostBy(listener, gap);
      },
      done: () => {
        listener.own = undefined;
        listener.settle({ channel: feed.channel, ...optional('position', cursor.position), recovered, again });
      },
    };
    if (feed.isPattern) this.#finish(job);
    else this.#run(job, cursor.position ? { since: cursor.position } : askOf(listener.options));
  }

  // The relay tells patterns only what is new. What was missed in channels that were heard before is fetched; which others there are is not known.
  #pattern(feed: Feed): void {
    if (!feed.takeCut()) return;
    for (const [channel, cursor] of feed.places()) if (cursor.position) this.#run(this.#job(feed, channel, cursor), { since: cursor.position });
    this.receiver.lost(feed, { channel: feed.channel });
  }

  #plain(feed: Feed, head: Position, recovered: boolean | undefined, isCovered: boolean): void {
    const cursor = feed.cursor(feed.channel);
    const at = cursor.position;
    if (at === undefined) {
      this.#first(feed, cursor, head, isCovered);
    } else if (at.epoch !== head.epoch) {
      this.receiver.lost(feed, { channel: feed.channel, epoch: at.epoch, from: at.offset + 1 });
      cursor.standAt({ epoch: head.epoch, offset: 0 });
      if (head.offset > 0) this.range(feed, feed.channel, cursor, cursor.position!, head.offset);
    } else if ((recovered !== true || isCovered) && head.offset > at.offset) {
      this.range(feed, feed.channel, cursor, at, head.offset);
    }
  }

  #first(feed: Feed, cursor: Cursor, head: Position, isCovered: boolean): void {
    const wish = feed.wish ?? {};
    if (!wantsPast(wish) || head.offset === 0) cursor.standAt(head);
    else if (isCovered) this.#run(this.#job(feed, feed.channel, cursor), askOf(wish));
    else if (wish.last !== undefined) cursor.beginAt({ epoch: head.epoch, offset: Math.max(0, head.offset - wish.last) });
  }

  #job(feed: Feed, channel: string, cursor: Cursor, until?: number): Job {
    const job: Job = {
      channel,
      cursor,
      ...optional('until', until),
      deliver: event => this.receiver.deliver(feed, event),
      lost: gap => this.receiver.lost(feed, gap),
      done: () => undefined,
    };
    return job;
  }

  #run(job: Job, ask: Ask): void {
    job.cursor.hold();
    this.#jobs.set(job.cursor, job);
    this.#fetch(job, ask, TRIES).then(
      () => this.#jobs.get(job.cursor) === job && this.#finish(job),
      (error: RelayError) => this.#failed(job, error),
    );
  }

  async #fetch(job: Job, ask: Ask, tries: number): Promise<void> {
    const answer = await this.#page(job, ask, tries);
    if (this.#jobs.get(job.cursor) !== job) return;
    const events = eventsOf(answer);
    const first = events[0];
    if (answer.recovered === false) job.lost({ channel: job.channel, ...(ask.since && range(ask.since, sameEpoch(first, ask.since) ? first.offset - 1 : job.until)) });
    for (const event of events) if (job.cursor.take(event)) job.deliver(event);
    const last = events[events.length - 1];
    const goal = job.until ?? positionOf(answer)?.offset ?? 0;
    const isAllOfIt = ask.limit !== undefined || ask.last_per_key;
    if (last?.epoch !== undefined && last.offset !== undefined && last.offset < goal && !isAllOfIt) {
      await this.#fetch(job, { since: { epoch: last.epoch, offset: last.offset } }, TRIES);
    }
  }

  async #page(job: Job, ask: Ask, tries: number): Promise<Answer> {
    try {
      return await this.requests.now({ type: 'history', channel: job.channel, limit: PAGE, ...ask, ...(ask.since && optional('until', job.until)) });
    } catch (error) {
      const wait = error instanceof RelayError ? error.retryAfterMs : undefined;
      if (wait === undefined || tries <= 1) throw error;
      await new Promise<void>(resume => this.ports.later(wait, resume));
      return this.#page(job, ask, tries - 1);
    }
  }

  #failed(job: Job, error: RelayError): void {
    if (this.#jobs.get(job.cursor) !== job) return;
    if (error.code === 'DISCONNECTED' || error.code === 'CLOSED') {
      // The next connection begins where this one was.
      this.#jobs.delete(job.cursor);
      return;
    }
    job.lost({ channel: job.channel, ...range(job.cursor.position, job.until) });
    this.#finish(job);
  }

  #finish(job: Job): void {
    const { events, missing } = job.cursor.release();
    for (const event of events) job.deliver(event);
    if (missing) {
      this.#run({ ...job, until: missing.until }, { since: missing.after });
    } else {
      this.#jobs.delete(job.cursor);
      job.done();
    }
  }
}

const eventsOf = (answer: Answer): RelayEvent[] => (Array.isArray(answer.events) ? answer.events.flatMap(one => eventOf(one) ?? []) : []);

const sameEpoch = (event: RelayEvent | undefined, at: Position): event is RelayEvent & Position => event !== undefined && event.epoch === at.epoch && event.offset !== undefined;

const range = (after: Position | undefined, to: number | undefined): Omit<Gap, 'channel'> =>
  after ? { epoch: after.epoch, from: after.offset + 1, ...optional('to', to) } : {};

function askOf(options: SubscribeOptions): { since?: Position; since_time?: number; last_per_key?: true; limit?: number } {
  const { last, ...past } = pastOf(options);
  return { ...past, ...optional('limit', last) };
}
