import { RelayError } from '../errors.js';
import { afterClose, UNAUTHORIZED } from '../wire/closing.js';
import { backoff } from './backoff.js';

export type TransportKind = 'websocket' | 'sse';

export interface LinkRules {
  /** `auto`: WebSocket, and event streams where WebSockets do not get through. */
  readonly transport: 'auto' | TransportKind;
  /** First and longest delay between tries, before the spread. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** A connection that stood so long was a good one: delays begin anew. */
  readonly stableMs: number;
  /** Whether a new token can be had. */
  readonly canRenew: boolean;
}

/** What to do after a connection, or a try, ended. */
export type Plan =
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'end'; readonly error: RelayError };

/** Tries with WebSocket that must fail in a row before an event stream is tried; more where one has worked before: then it is rather the relay, or the network, that is gone. */
const FAILED_BEFORE_SSE = 2;
const FAILED_BEFORE_SSE_AGAIN = 4;

/** Tries without an answer after which a new token is asked for. */
const FAILED_BEFORE_TOKEN = 2;

/** So long after a WebSocket failed where a stream worked, it is tried first again. */
const WEBSOCKET_AGAIN_MS = 60_000;

/**
 * The rules of coming back: when, over what, with which token, or not at all. Owned by the client, which tells it what happened and the time; it has no
 * timer and no socket.
 */
export class Link {
  #attempt = 0;
  #failedTries = 0;
  #onlineSince: number | undefined;
  #plannedAt: number | undefined;
  #lastGood: TransportKind | undefined;
  #webSocketFailedAt = -Infinity;
  #needsFreshToken = false;

  constructor(
    private readonly rules: LinkRules,
    private readonly random: () => number,
  ) {}

  /** Tries since it was online for a while. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The last token was refused, or may have been: a new one is needed. */
  get needsFreshToken(): boolean {
    return this.#needsFreshToken;
  }

  /** What to connect over now. */
  transport(now: number): TransportKind {
    if (this.rules.transport !== 'auto') return this.rules.transport;
    if (this.#lastGood === 'sse' && this.#failedTries === 0) return now - this.#webSocketFailedAt < WEBSOCKET_AGAIN_MS ? 'sse' : 'websocket';
    const enough = this.#lastGood === 'websocket' ? FAILED_BEFORE_SSE_AGAIN : FAILED_BEFORE_SSE;
    return this.#failedTries >= enough && this.#failedTries % 2 === 0 ? 'sse' : 'websocket';
  }

  /** The relay greeted. */
  online(kind: TransportKind, now: number): void {
    this.#failedTries = 0;
    this.#onlineSince = now;
    this.#plannedAt = undefined;
    this.#lastGood = kind;
    this.#needsFreshToken = false;
  }

  /** The relay named the instant at which to come back. */
  planned(afterMs: number, now: number): void {
    this.#plannedAt = now + afterMs;
  }

  /** A connection over `kind`, or a try, ended with this code. */
  closed(kind: TransportKind, code: number, reason: string, now: number): Plan {
    const wasOnline = this.#onlineSince !== undefined;
    const wasStable = wasOnline && now - this.#onlineSince! >= this.rules.stableMs;
    this.#onlineSince = undefined;
    if (wasStable) this.#attempt = 0;
    if (!wasOnline) this.#failed(kind, now);
    const action = afterClose(code);
    if (action === 'never' || (action === 'token' && !this.rules.canRenew)) return { kind: 'end', error: ending(code, reason) };

    // A try that never got an answer may have failed by its token: a browser does not say.
    this.#needsFreshToken = action === 'token' || (!wasOnline && this.#failedTries % FAILED_BEFORE_TOKEN === 0);
    const delayMs = this.#delay(action === 'now' || (action === 'token' && this.#attempt === 0), now);
    this.#attempt++;
    return { kind: 'retry', delayMs };
  }

  #failed(kind: TransportKind, now: number): void {
    this.#failedTries++;
    if (kind === 'websocket') this.#webSocketFailedAt = now;
  }

  #delay(atOnce: boolean, now: number): number {
    const planned = this.#plannedAt;
    this.#plannedAt = undefined;
    // Each client has an instant of its own, so that not all come at once: nothing is added to it.
    if (planned !== undefined) return Math.max(0, planned - now);
    const { baseMs, maxMs } = this.rules;
    return backoff(atOnce ? Math.max(0, this.#attempt - 1) : this.#attempt, atOnce && this.#attempt === 0 ? Math.min(baseMs, 100) : baseMs, maxMs, this.random());
  }
}

function ending(code: number, reason: string): RelayError {
  const said = reason === '' ? '' : `: ${reason}`;
  return code === UNAUTHORIZED
    ? new RelayError('UNAUTHORIZED', `The relay refused the token (4401${said}); give a token provider to come back with a new one`)
    : new RelayError('CONNECTION_REFUSED', `The relay closed the connection with ${code}${said}; connect() tries again`);
}
