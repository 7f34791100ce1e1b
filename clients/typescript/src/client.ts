import { addressesOf, type Addresses } from './address.js';
import { ambientWebSocket, later, listenForNetwork, randomText } from './ambient.js';
import { asError, RelayError } from './errors.js';
import type { RelayEvents, RelayOptions } from './options.js';
import type { Ports } from './ports.js';
import { Publishing } from './publishing.js';
import { recoveredOf, Requests, type Answer } from './requests.js';
import { Link } from './state/link.js';
import { Subscriptions } from './subscriptions.js';
import type { FetchLike, HttpAnswer } from './transport/http.js';
import type { Transport, TransportEvents } from './transport/transport.js';
import { openWebSocket } from './transport/websocket.js';
import type {
  AnySchema, ChannelOf, EventNameOf, EventOf, HistoryAnswer, HistoryOptions, Member, PresenceAnswer, Published, PublishOptions, Schema, Status, Subscription, SubscribeOptions,
} from './types.js';
import { ABNORMAL } from './wire/closing.js';
import { eventOf, isObject, optional, positionOf, resumedChannels, type ServerFrame } from './wire/frames.js';

/** A connection that stood so long counts as good: the next delay begins anew. */
const STABLE_MS = 5_000;

/** So long a resume is tried while the relay says that the session is on its way. */
const RESUME_MS = 10_000;

const IN_FLIGHT = 256;

/**
 * A client of one relay. Connects with the first subscribe, publish or question, comes back by itself, and resumes where it was: no event is lost or delivered
 * twice as far as the relay's history reaches, and what is lost is told.
 */
export class RelayClient<S extends Schema = AnySchema> {
  readonly #url: string | URL;
  readonly #addresses: Addresses;
  readonly #options: RelayOptions;
  readonly #link: Link;
  readonly #requests: Requests;
  readonly #subscriptions: Subscriptions;
  readonly #publishing: Publishing;
  readonly #listeners = new Map<keyof RelayEvents, Set<(value: never) => void>>();
  readonly #secret = randomText(12);
  #ids = 0;
  #status: Status = { phase: 'idle' };
  #transport: Transport | undefined;
  #session: string | undefined;
  #isHeard = false;
  #token: string | undefined;
  #turn = 0;
  #stopRetry: (() => void) | undefined;
  #stopHeartbeat: (() => void) | undefined;
  #stopPlanned: (() => void) | undefined;
  #stopConnecting: (() => void) | undefined;

  /** @param url base address of the relay: `http://127.0.0.1:8080`, `wss://relay.example.com`; in a page also relative */
  constructor(url: string | URL, options: RelayOptions = {}) {
    this.#url = url;
    this.#addresses = addressesOf(url, options.agentId, options.sessionId);
    this.#options = options;
    this.#link = new Link(
      {
        // Where there is no WebSocket at all, none is tried.
        transport: options.transport ?? (options.WebSocket ?? ambientWebSocket() ? 'auto' : 'sse'),
        baseMs: options.reconnect?.baseMs ?? 500,
        maxMs: options.reconnect?.maxMs ?? 30_000,
        stableMs: STABLE_MS,
        canRenew: typeof options.token === 'function',
      },
      Math.random,
    );
    const ports: Ports = {
      send: (frame, text) => this.#transport?.send(frame, text),
      later,
      now: Date.now,
      newId: () => `${this.#secret}-${(++this.#ids).toString(36)}`,
      report: error => this.#report(error),
    };
    this.#requests = new Requests(ports);
    this.#subscriptions = new Subscriptions(ports, this.#requests);
    this.#publishing = new Publishing(ports, {
      publishes: options.maxQueuedPublishes ?? 10_000,
      bytes: options.maxQueuedBytes ?? 8 * 1024 * 1024,
      inFlight: IN_FLIGHT,
    });
  }

  /** What the connection does; the same object until it changes. */
  get status(): Status {
    return this.#status;
  }

  /** Publishes that wait for their answer. */
  get queued(): number {
    return this.#publishing.size;
  }

  /** Hears of changes of the status, or of errors; the answer ends that. */
  on<N extends keyof RelayEvents>(name: N, listener: (value: RelayEvents[N]) => void): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener as (value: never) => void);
    return () => void set.delete(listener as (value: never) => void);
  }

  /** Listens to a channel or pattern. In order, each event once; across reconnects. */
  subscribe<C extends ChannelOf<S>>(channel: C, onEvent: (event: EventOf<S, C>) => void, options: SubscribeOptions = {}): Subscription {
    const subscription = this.#subscriptions.subscribe(channel, onEvent as never, options);
    const closed = this.#refusedWhenClosed();
    if (closed) this.#subscriptions.end(closed);
    this.#wake();
    return subscription;
  }

  /** Publishes; while there is no connection it waits in a queue. Resolves when the relay accepted it, once, however often it had to be sent. */
  publish<C extends ChannelOf<S>, E extends EventNameOf<S, C>>(channel: C, event: E, data?: S[C][E], options: PublishOptions = {}): Promise<Published> {
    const closed = this.#refusedWhenClosed();
    if (closed) return Promise.reject(closed);
    const published = this.#publishing.publish(channel, event, data, options);
    this.#wake();
    return published;
  }

  /** Who is on a channel. */
  async presence(channel: ChannelOf<S>): Promise<PresenceAnswer> {
    const answer = await this.#question({ type: 'presence', channel });
    const members = (Array.isArray(answer.members) ? answer.members : []).filter(isObject).map((one): Member => ({
      clientId: String(one.client_id ?? ''),
      userId: typeof one.user_id === 'string' ? one.user_id : null,
    }));
    return { channel, members, count: Number(answer.count ?? members.length), users: Number(answer.users ?? 0) };
  }

  /** Stored events of a channel. */
  async history<C extends ChannelOf<S>>(channel: C, options: HistoryOptions = {}): Promise<HistoryAnswer> {
    const { limit, since, until, sinceTime, lastPerKey, key } = options;
    const answer = await this.#question({
      type: 'history',
      channel,
      ...optional('limit', limit),
      ...optional('since', since),
      ...optional('until', until),
      ...optional('since_time', sinceTime === undefined ? undefined : Number(sinceTime)),
      ...optional('last_per_key', lastPerKey || undefined),
      ...optional('key', key),
    });
    const events = Array.isArray(answer.events) ? answer.events.flatMap(one => eventOf(one) ?? []) : [];
    return { channel, ...optional('position', positionOf(answer)), ...optional('recovered', recoveredOf(answer)), events };
  }

  /** A request to the relay's HTTP API with the client's token, e.g. `POST /api/chat`. */
  async http(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<HttpAnswer> {
    const { Http } = await import('./transport/http.js');
    return new Http(this.#fetch(), this.#addresses, (this.#token ??= await this.#newToken(false))).request(method, path, body);
  }

  /** A client of the same relay with other options, not connected yet. */
  with(options: RelayOptions): RelayClient<S> {
    return new RelayClient<S>(this.#url, { ...this.#options, ...options });
  }

  /** The options it was made with. */
  get options(): RelayOptions {
    return this.#options;
  }

  /** Connects now: after `close()`, after a refusal, or instead of waiting for the next try. */
  connect(): void {
    if (this.#transport || this.#status.phase === 'connecting') return;
    this.#stopRetry?.();
    void this.#open();
  }

  /** Ends the connection and everything that waits: publishes and questions reject with `CLOSED`, subscriptions end. */
  close(): void {
    if (this.#status.phase !== 'closed') this.#end(new RelayError('CLOSED', 'The client was closed'));
  }

  #wake(): void {
    if (this.#status.phase === 'idle') this.connect();
  }

  #refusedWhenClosed(): RelayError | undefined {
    if (this.#status.phase !== 'closed') return undefined;
    return new RelayError('CLOSED', `The client is closed${this.#status.error ? ` (${this.#status.error.message})` : ''}: connect() opens it again`);
  }

  #question(frame: { readonly type: 'history' | 'presence'; readonly [member: string]: unknown }): Promise<Answer> {
    const closed = this.#refusedWhenClosed();
    if (closed) return Promise.reject(closed);
    const answer = this.#requests.question(frame);
    this.#wake();
    return answer;
  }

  // ---- a try, from its begin to the greeting ---------------------------------------------------------------------------------------------

  async #open(): Promise<void> {
    const turn = ++this.#turn;
    const kind = this.#link.transport(Date.now());
    this.#tell({ phase: 'connecting', transport: kind });
    listenForNetwork(this);
    this.#stopConnecting = later(this.#options.connectTimeoutMs ?? 10_000, () => this.#closed(turn, kind, ABNORMAL, 'The relay did not greet in time'));
    try {
      this.#token = await this.#newToken(this.#link.needsFreshToken);
      if (turn !== this.#turn) return;
      const transport = await this.#construct(kind, {
        frame: frame => turn === this.#turn && this.#frame(frame),
        alive: () => (this.#isHeard = true),
        garbage: text => this.#report(new RelayError('INVALID_MESSAGE', `The relay sent what is no frame: ${text.slice(0, 100)}`)),
        closed: (code, reason) => this.#closed(turn, kind, code, reason),
      });
      if (turn === this.#turn) this.#transport = transport;
      else transport.close();
    } catch (error) {
      this.#report(asError(error));
      this.#closed(turn, kind, ABNORMAL, asError(error).message);
    }
  }

  async #construct(kind: 'websocket' | 'sse', events: TransportEvents): Promise<Transport> {
    if (kind === 'sse') {
      // Few need it: it is fetched, over HTTP, when WebSockets do not get through.
      const { SseTransport } = await import('./transport/sse.js');
      return new SseTransport(this.#fetch(), this.#addresses, this.#token, events);
    }
    const construct = this.#options.WebSocket ?? ambientWebSocket();
    if (!construct) throw new RelayError('CONNECTION_REFUSED', "There is no WebSocket here: give one, import { WebSocket } from 'ws'; new RelayClient(url, { WebSocket })");
    return openWebSocket(construct, this.#addresses, this.#token, events);
  }

  #fetch(): FetchLike {
    return this.#options.fetch ?? ((url, init) => fetch(url, init));
  }

  async #newToken(refresh: boolean): Promise<string | undefined> {
    const source = this.#options.token;
    return (typeof source === 'function' ? await source({ refresh }) : source) || undefined;
  }

  // ---- the conversation ------------------------------------------------------------------------------------------------------------------

  #frame(frame: ServerFrame): void {
    switch (frame.kind) {
      case 'event':
        this.#subscriptions.event(frame.event);
        break;
      case 'answer':
        this.#answer(frame.id, frame.ok, frame.body);
        break;
      case 'gap':
        this.#subscriptions.gap(frame.gap);
        break;
      case 'presence':
        this.#subscriptions.presence(frame.change);
        break;
      case 'connected':
        this.#greeted(frame);
        break;
      case 'reconnect':
        this.#planned(frame.afterMs);
        break;
      case 'expiring':
        void this.#refresh();
        break;
      case 'error':
        this.#report(new RelayError(frame.code, frame.text));
        break;
    }
  }

  #answer(id: string, ok: boolean, body: Answer): void {
    if (!this.#requests.answer(id, ok, body) && !this.#subscriptions.answer(id, ok, body)) this.#publishing.answer(id, ok, body);
  }

  #greeted(greeting: ServerFrame & { kind: 'connected' }): void {
    this.#heartbeat(greeting.pingMs);
    if (this.#session !== undefined && greeting.session !== undefined) this.#resume(greeting, this.#session, Date.now() + RESUME_MS);
    else this.#online(greeting, undefined);
  }

  #resume(greeting: ServerFrame & { kind: 'connected' }, session: string, until: number): void {
    const turn = this.#turn;
    this.#requests.call({ type: 'resume', session, positions: this.#subscriptions.positions(greeting.maxBytes) }, answer => this.#online(greeting, answer), error => {
      const wait = error instanceof RelayError ? error.retryAfterMs : undefined;
      if (turn !== this.#turn) return;
      if (wait === undefined || Date.now() + wait > until) return this.#online(greeting, undefined);
      // The session is on its way from elsewhere.
      this.#stopConnecting?.();
      this.#stopConnecting = later(wait, () => this.#resume(greeting, session, until));
    });
  }

  // Not resumed means that everything is asked for again, from its position.
  #online(greeting: ServerFrame & { kind: 'connected' }, resumed: Answer | undefined): void {
    const { kind } = this.#transport!;
    if (!resumed && greeting.session !== undefined) this.#session = greeting.session;
    this.#stopConnecting?.();
    this.#link.online(kind, Date.now());
    this.#requests.online();
    this.#subscriptions.online(resumed && resumedChannels(resumed));
    this.#publishing.online(greeting.maxBytes);
    const clientId = typeof resumed?.client_id === 'string' ? resumed.client_id : greeting.clientId;
    this.#tell({ phase: 'online', transport: kind, ...optional('node', greeting.node), clientId });
  }

  // The instant is this client's own. The connection is served until then, and may end earlier.
  #planned(afterMs: number): void {
    this.#link.planned(afterMs, Date.now());
    const turn = this.#turn;
    const kind = this.#transport!.kind;
    this.#stopPlanned = later(afterMs, () => this.#closed(turn, kind, 1012, 'The relay asked to come back now'));
  }

  async #refresh(): Promise<void> {
    if (typeof this.#options.token !== 'function') return;
    const turn = this.#turn;
    try {
      const token = await this.#newToken(true);
      if (turn !== this.#turn || token === undefined) return;
      this.#token = token;
      await this.#requests.now({ type: 'refresh', token });
    } catch (error) {
      // Without a newer token the relay closes with 4401, and a new one is asked for then.
      if (turn === this.#turn) this.#report(asError(error));
    }
  }

  #heartbeat(everyMs: number): void {
    let asked = false;
    this.#isHeard = true;
    const turn = this.#turn;
    const beat = (): void => {
      if (turn !== this.#turn) return;
      if (!this.#isHeard && asked) return this.#closed(turn, this.#transport!.kind, ABNORMAL, 'The relay fell silent');
      asked = !this.#isHeard;
      if (asked) this.#transport?.send({ type: 'ping' });
      this.#isHeard = false;
      this.#stopHeartbeat = later(asked ? Math.min(everyMs, 10_000) : everyMs, beat);
    };
    this.#stopHeartbeat = later(everyMs, beat);
  }

  // ---- the end of a connection, or of a try ----------------------------------------------------------------------------------------------

  #closed(turn: number, kind: 'websocket' | 'sse', code: number, reason: string): void {
    if (turn !== this.#turn) return;
    this.#cut();
    const plan = this.#link.closed(kind, code, reason, Date.now());
    if (plan.kind === 'end') return this.#end(plan.error);
    this.#tell({
      phase: 'waiting',
      attempt: this.#link.attempt,
      retryAt: Date.now() + plan.delayMs,
      ...(code === 1012 || code === 1001 ? {} : { error: new RelayError('DISCONNECTED', `${reason || 'The connection was lost'} (${code})`) }),
    });
    this.#stopRetry = later(plan.delayMs, () => void this.#open());
  }

  #cut(): void {
    this.#turn++;
    for (const stop of [this.#stopRetry, this.#stopConnecting, this.#stopHeartbeat, this.#stopPlanned]) stop?.();
    this.#transport?.close();
    this.#transport = undefined;
    this.#requests.cut();
    this.#subscriptions.cut();
    this.#publishing.cut();
  }

  #end(error: RelayError): void {
    this.#cut();
    this.#session = undefined;
    this.#tell({ phase: 'closed', error });
    this.#requests.end(error);
    this.#publishing.end(error);
    this.#subscriptions.end(error);
  }

  #tell(status: Status): void {
    this.#status = Object.freeze(status);
    this.#emit('status', status);
  }

  #report(error: Error): void {
    if (!this.#emit('error', error)) console.error(error);
  }

  #emit<N extends keyof RelayEvents>(name: N, value: RelayEvents[N]): boolean {
    const listeners = [...(this.#listeners.get(name) ?? [])] as ((value: RelayEvents[N]) => void)[];
    for (const listener of listeners) {
      try {
        listener(value);
      } catch (error) {
        console.error(error);
      }
    }
    return listeners.length > 0;
  }
}
