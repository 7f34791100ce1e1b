import type { Addresses } from '../address.js';
import { asError } from '../errors.js';
import type { Position } from '../types.js';
import { ABNORMAL, UNAUTHORIZED } from '../wire/closing.js';
import { isObject, parse, read, readBody, type ClientFrame } from '../wire/frames.js';
import { isPattern } from '../wire/names.js';
import { answerOf, Http, type FetchLike, type HttpAnswer } from './http.js';
import { StreamReader, type StreamEvent } from './lines.js';
import type { Transport, TransportEvents } from './transport.js';

/** A channel of the stream: what it was asked with, and where it is now, `epoch:offset`. */
interface Heard {
  readonly frame: ClientFrame;
  place?: string;
  isAnswered: boolean;
}

/** Publishes of one request, and their bytes: a fraction of what the relay takes (Limits:MaxRequestBodyBytes). */
const BATCH = 100;
const BATCH_BYTES = 512 * 1024;

/** Largest publish over HTTP. */
const MAX_BYTES = 900_000;

/** Channels of one stream (protocols.md), and what of its address they may take: the relay, and proxies, read 8 KiB. */
const MOST_CHANNELS = 100;
const MOST_ADDRESS = 6_000;

/** A stream that brings nothing, comments included, for so long is dead; the relay comments every 25 s. */
const SILENCE_MS = 65_000;

/**
 * A native connection without a WebSocket: `/sse` for what comes, the HTTP API for what goes. It takes and gives the frames of a WebSocket, so that the
 * client above knows no difference; there is no session, positions alone resume. A stream's channels stand in its URL: when they change, a new stream begins at
 * the places of the old one, which loses and repeats nothing.
 */
export class SseTransport implements Transport {
  readonly kind = 'sse';
  readonly #over = new AbortController();
  readonly #http: Http;
  readonly #heard = new Map<string, Heard>();
  readonly #publishes: ClientFrame[] = [];
  #stream: AbortController | undefined;
  #isPosting = false;
  #isChanging = false;
  #oneByOne = false;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly fetch: FetchLike,
    private readonly addresses: Addresses,
    private readonly token: string | undefined,
    private readonly events: TransportEvents,
  ) {
    this.#http = new Http(fetch, addresses, token, this.#over.signal);
    // Asks for something small that everybody may ask, to know that there is a relay, and that it takes the token.
    void this.#ask(() => this.#http.get('/api/v1/history', [['channel', 'global'], ['limit', '1']])).then(answer => {
      if (answer) this.#answer({ type: 'connected', client_id: '', max_frame_bytes: MAX_BYTES });
    });
  }

  send(frame: ClientFrame): void {
    switch (frame.type) {
      case 'subscribe':
        void this.#subscribe(frame);
        break;
      case 'unsubscribe':
        if (this.#heard.delete(frame.channel as string)) this.#changed();
        break;
      case 'publish':
        this.#publishes.push(frame);
        void this.#post();
        break;
      case 'history':
      case 'presence':
        void this.#question(frame);
        break;
      case 'ping':
        // Whether a stream lives is seen here (SILENCE_MS); without one there is nothing that could be cut.
        this.events.alive();
        break;
      default:
        this.#answer({ type: 'ack', id: frame.id, success: false, code: 'SESSION_NOT_FOUND', error: 'An event stream has no session' });
    }
  }

  close(): void {
    clearTimeout(this.#silence);
    this.#over.abort();
    this.#stream?.abort();
  }

  // The newest n, a time, last values: the URL has no words for them channel by channel, so they are fetched before.
  async #subscribe(frame: ClientFrame): Promise<void> {
    const channel = frame.channel as string;
    const since = frame.since as Position | undefined;
    const heard: Heard = { frame, isAnswered: false, ...(since ? { place: `${since.epoch}:${since.offset}` } : {}) };
    this.#heard.set(channel, heard);
    if (this.#heard.size > MOST_CHANNELS || String(new URLSearchParams(this.#query([...this.#heard.keys()]))).length > MOST_ADDRESS) {
      return this.#refuse(heard, { status: 400, body: { code: 'CONNECTION_LIMIT', error: `An event stream has room for ${MOST_CHANNELS} channels, and for ${MOST_ADDRESS} bytes of their names and places` } });
    }
    if (!since && (frame.last !== undefined || frame.since_time !== undefined || frame.last_per_key)) {
      const answer = await this.#ask(() => this.#http.get('/api/v1/history', historyQuery({ ...frame, limit: frame.last ?? 1000 })));
      if (!answer || this.#heard.get(channel) !== heard) return;
      if (answer.status !== 200) return this.#refuse(heard, answer);
      const { epoch, offset, recovered, events } = answer.body;
      this.#answer({ type: 'ack', id: frame.id, success: true, epoch, offset, recovered });
      heard.isAnswered = true;
      heard.place = `${String(epoch)}:${String(offset)}`;
      for (const event of Array.isArray(events) ? events : []) if (isObject(event)) this.#answer(event);
    }
    this.#changed();
  }

  // What is asked for in one turn goes into one stream.
  #changed(): void {
    if (this.#isChanging) return;
    this.#isChanging = true;
    queueMicrotask(() => {
      this.#isChanging = false;
      if (!this.#over.signal.aborted) void this.#listen();
    });
  }

  async #listen(): Promise<void> {
    this.#stream?.abort();
    this.#stream = undefined;
    clearTimeout(this.#silence);
    const channels = this.#next();
    if (channels.length === 0) return;
    const stream = (this.#stream = new AbortController());
    const isCurrent = (): boolean => this.#stream === stream && !this.#over.signal.aborted;
    try {
      const response = await new Http(this.fetch, this.addresses, this.token, stream.signal).open('/sse', this.#query(channels), { headers: { accept: 'text/event-stream' } });
      if (!isCurrent()) return;
      if (response.status !== 200 || !response.body) return this.#refused(channels, await answerOf(response));
      await this.#readAll(response.body, isCurrent);
      if (isCurrent()) this.#end(ABNORMAL, 'The event stream ended');
    } catch (error) {
      if (isCurrent()) this.#end(ABNORMAL, asError(error).message);
    }
  }

  async #readAll(body: ReadableStream<Uint8Array>, isCurrent: () => boolean): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const lines = new StreamReader();
    for (;;) {
      this.#watch();
      const { done, value } = await reader.read();
      if (done || !isCurrent()) return;
      this.events.alive();
      for (const event of lines.read(decoder.decode(value, { stream: true }))) {
        this.#streamed(event);
        if (!isCurrent()) return;
      }
    }
  }

  #watch(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#end(ABNORMAL, `The event stream brought nothing for ${SILENCE_MS} ms`), SILENCE_MS);
  }

  #streamed(event: StreamEvent): void {
    if (event.name === 'subscribed') {
      const body = parse(event.data);
      const heard = isObject(body) ? this.#heard.get(String(body.channel)) : undefined;
      if (!isObject(body) || !heard) return;
      heard.place ??= placeOf(body);
      if (!heard.isAnswered) this.#answer({ ...body, type: 'ack', id: heard.frame.id, success: true });
      heard.isAnswered = true;
      if (this.#oneByOne && [...this.#heard.values()].some(one => !one.isAnswered)) this.#changed();
      return;
    }
    const frame = read(event.data);
    if (!frame) return this.events.garbage(event.data);
    if (frame.kind === 'event' || frame.kind === 'gap') {
      // So far the stream came in this channel; events of patterns have no place in the URL.
      const of = frame.kind === 'event' ? frame.event : { channel: frame.gap.channel, epoch: frame.gap.epoch, offset: frame.gap.to };
      const heard = this.#heard.get(of.channel);
      if (heard && of.epoch !== undefined) heard.place = `${of.epoch}:${of.offset}`;
    }
    this.events.frame(frame);
    if (frame.kind === 'reconnect') this.#end(1012, frame.reason);
  }

  // One bad channel makes the relay refuse the stream: then they are added one by one, to learn which.
  #refused(channels: readonly string[], answer: HttpAnswer): void {
    const unanswered = channels.filter(channel => !this.#heard.get(channel)!.isAnswered);
    if (!this.#isOfChannel(answer) || unanswered.length === 0) {
      this.#stopped(answer);
    } else if (unanswered.length > 1) {
      this.#oneByOne = true;
      this.#changed();
    } else {
      this.#refuse(this.#heard.get(unanswered[0]!)!, answer);
      this.#changed();
    }
  }

  #refuse(heard: Heard, answer: HttpAnswer): void {
    this.#heard.delete(heard.frame.channel as string);
    this.#answer({ ...answer.body, type: 'ack', id: heard.frame.id, success: false });
  }

  #isOfChannel({ status }: HttpAnswer): boolean {
    return status === 400 || status === 403;
  }

  #next(): string[] {
    const all = [...this.#heard.keys()];
    if (!this.#oneByOne) return all;
    const known = all.filter(channel => this.#heard.get(channel)!.isAnswered);
    const first = all.find(channel => !this.#heard.get(channel)!.isAnswered);
    return first === undefined ? known : [...known, first];
  }

  #query(channels: readonly string[]): [string, string][] {
    const places = channels.map(channel => (isPattern(channel) ? '-' : (this.#heard.get(channel)!.place ?? '-')));
    const wishes = channels.map(channel => this.#heard.get(channel)!.frame);
    const isPresent = wishes.length > 0 && wishes.every(wish => wish.presence === true && !isPattern(wish.channel as string));
    return [
      ...Object.entries(this.addresses.query),
      ...channels.map((channel): [string, string] => ['channel', channel]),
      ...(places.some(place => place !== '-') ? [['since', places.join(',')] as [string, string]] : []),
      ...(isPresent ? [['presence', 'true'] as [string, string]] : []),
    ];
  }

  // One after the other, so that they keep their order.
  async #post(): Promise<void> {
    if (this.#isPosting) return;
    this.#isPosting = true;
    while (this.#publishes.length > 0 && !this.#over.signal.aborted) {
      const frames = this.#takeBatch();
      const answer = await this.#ask(() => this.#http.post('/api/v1/batch', { items: frames.map(({ type: _, ...item }) => item) }));
      if (!answer) break;
      const results = Array.isArray(answer.body.results) ? answer.body.results : [];
      frames.forEach((frame, i) => {
        const result: unknown = results[i] ?? { ...answer.body, success: false };
        if (isObject(result)) this.#answer({ ...result, type: 'ack', id: frame.id });
      });
    }
    this.#isPosting = false;
  }

  #takeBatch(): ClientFrame[] {
    let bytes = 0;
    let n = 0;
    // Four bytes are the most a UTF-16 unit and a half can take; the estimate is on the safe side.
    while (n < this.#publishes.length && n < BATCH && (n === 0 || bytes < BATCH_BYTES)) bytes += JSON.stringify(this.#publishes[n++]).length * 3;
    return this.#publishes.splice(0, n);
  }

  async #question(frame: ClientFrame): Promise<void> {
    const query: [string, string][] = frame.type === 'history' ? historyQuery(frame) : [['channel', String(frame.channel)]];
    const answer = await this.#ask(() => this.#http.get(`/api/v1/${frame.type}`, query));
    if (answer) this.#answer({ ...answer.body, type: frame.type, id: frame.id, success: answer.status === 200 });
  }

  // Undefined when the connection is over, now or before.
  async #ask(request: () => Promise<HttpAnswer>): Promise<HttpAnswer | undefined> {
    try {
      const answer = await request();
      if (this.#over.signal.aborted) return undefined;
      if (answer.status === 401 || (answer.status >= 500 && answer.body.retry_after_ms === undefined)) {
        this.#stopped(answer);
        return undefined;
      }
      return answer;
    } catch (error) {
      this.#end(ABNORMAL, asError(error).message);
      return undefined;
    }
  }

  #stopped(answer: HttpAnswer): void {
    const said = typeof answer.body.error === 'string' ? answer.body.error : `HTTP ${answer.status}`;
    this.#end(answer.status === 401 ? UNAUTHORIZED : answer.status === 403 ? 4403 : ABNORMAL, said);
  }

  #answer(body: { readonly [member: string]: unknown }): void {
    const frame = readBody(body);
    if (frame && !this.#over.signal.aborted) this.events.frame(frame);
  }

  #end(code: number, reason: string): void {
    if (this.#over.signal.aborted) return;
    this.close();
    this.events.closed(code, reason);
  }
}

const placeOf = (body: { readonly [member: string]: unknown }): string => (typeof body.epoch === 'string' ? `${body.epoch}:${String(body.offset)}` : '-');

function historyQuery(frame: { readonly [member: string]: unknown }): [string, string][] {
  const since = frame.since as Position | undefined;
  const query: [string, string][] = [['channel', String(frame.channel)]];
  if (since) query.push(['since', `${since.epoch}:${since.offset}`]);
  for (const name of ['limit', 'until', 'since_time', 'last_per_key', 'key']) if (frame[name] !== undefined) query.push([name, String(frame[name])]);
  return query;
}
