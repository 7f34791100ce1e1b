import { RelayError } from './errors.js';
import type { Ports } from './ports.js';
import { flag, optional, positionOf, type ClientFrame, isObject } from './wire/frames.js';

export type Answer = { readonly [member: string]: unknown };

interface Pending {
  readonly frame: ClientFrame;
  /** A question may be asked again after a cut; the others end with their connection. */
  readonly isQuestion: boolean;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Questions that wait, the public ones: beyond it they are refused. */
const MOST_PENDING = 1000;

/** Requests other than publishes, until they are answered. */
export class Requests {
  readonly #pending = new Map<string, Pending>();
  #isOnline = false;

  constructor(private readonly ports: Ports) {}

  /** Asks now, or when the relay can be asked; again after a cut. */
  question(frame: Omit<ClientFrame, 'id'>): Promise<Answer> {
    if (this.#pending.size >= MOST_PENDING) return Promise.reject(new RelayError('QUEUE_FULL', `${MOST_PENDING} requests wait for the relay already`));
    return new Promise((resolve, reject) => this.#add(frame, { isQuestion: true, resolve, reject }, this.#isOnline));
  }

  /** Asks over the connection that stands; rejects with `DISCONNECTED` when that is cut. */
  now(frame: Omit<ClientFrame, 'id'>): Promise<Answer> {
    return new Promise((resolve, reject) => this.call(frame, resolve, reject));
  }

  /** As {@link now}, but told in the same turn as the answer comes: what stands behind it in the same piece of the network is read right after. */
  call(frame: Omit<ClientFrame, 'id'>, resolve: (answer: Answer) => void, reject: (error: Error) => void): void {
    this.#add(frame, { isQuestion: false, resolve, reject }, true);
  }

  /** False when nobody waits for this id. */
  answer(id: string, ok: boolean, body: Answer): boolean {
    const pending = this.#pending.get(id);
    if (!pending) return false;
    this.#pending.delete(id);
    if (ok) pending.resolve(body);
    else pending.reject(refusalOf(body));
    return true;
  }

  online(): void {
    this.#isOnline = true;
    for (const { frame, isQuestion } of this.#pending.values()) if (isQuestion) this.ports.send(frame);
  }

  cut(): void {
    this.#isOnline = false;
    for (const [id, pending] of [...this.#pending]) {
      if (pending.isQuestion) continue;
      this.#pending.delete(id);
      pending.reject(new RelayError('DISCONNECTED', 'The connection was cut before the answer came'));
    }
  }

  end(error: Error): void {
    this.#isOnline = false;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  #add(content: Omit<ClientFrame, 'id'>, pending: Omit<Pending, 'frame'>, sendNow: boolean): void {
    const id = this.ports.newId();
    const frame = { ...content, id } as ClientFrame;
    this.#pending.set(id, { ...pending, frame });
    if (sendNow) this.ports.send(frame);
  }
}

/** The error that an answer with `success: false` stands for. */
export function refusalOf(body: Answer): RelayError {
  const code = typeof body.code === 'string' ? body.code : 'INTERNAL_ERROR';
  const text = typeof body.error === 'string' ? body.error : code;
  const retry = typeof body.retry_after_ms === 'number' ? body.retry_after_ms : undefined;
  const current = body.current === null ? null : isObject(body.current) ? positionOf(body.current) : undefined;
  return new RelayError(code, text, { ...optional('retryAfterMs', retry), ...optional('current', current) });
}

export const recoveredOf = (body: Answer): boolean | undefined => flag(body.recovered);
