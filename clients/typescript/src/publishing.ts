import { asError, RelayError } from './errors.js';
import type { Ports } from './ports.js';
import { refusalOf, type Answer } from './requests.js';
import { Outbox, type Entry, type OutboxLimits } from './state/outbox.js';
import type { Published, PublishOptions } from './types.js';
import { optional, positionOf, type ClientFrame } from './wire/frames.js';

interface Waiting extends Entry {
  readonly text: string;
  readonly promise: Promise<Published>;
  resolve(published: Published): void;
  reject(error: Error): void;
  stopTimer?: () => void;
}

const utf8 = new TextEncoder();

/** Publishes from the call to the answer, over as many connections as that takes. */
export class Publishing {
  readonly #outbox: Outbox<Waiting>;
  #isOnline = false;
  #maxBytes: number | undefined;
  #stopWaiting: (() => void) | undefined;

  constructor(
    private readonly ports: Ports,
    limits: OutboxLimits,
  ) {
    this.#outbox = new Outbox(limits);
  }

  /** Publishes without an answer. */
  get size(): number {
    return this.#outbox.size;
  }

  publish(channel: string, event: string, data: unknown, options: PublishOptions): Promise<Published> {
    const repeated = options.id === undefined ? undefined : this.#outbox.find(options.id, channel);
    if (repeated) return repeated.promise;
    try {
      const entry = this.#entry(channel, event, data, options);
      if (this.#maxBytes !== undefined && entry.bytes > this.#maxBytes) throw this.#tooLarge(entry);
      this.#outbox.add(entry);
      if (options.timeoutMs !== undefined) entry.stopTimer = this.ports.later(options.timeoutMs, () => this.#giveUp(entry, options.timeoutMs!));
      this.#flush();
      return entry.promise;
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  online(maxBytes: number): void {
    this.#isOnline = true;
    this.#maxBytes = maxBytes;
    this.#flush();
  }

  cut(): void {
    this.#isOnline = false;
    this.#stopWaiting?.();
    this.#outbox.cut();
  }

  end(error: Error): void {
    this.cut();
    for (const entry of this.#outbox.clear()) {
      entry.stopTimer?.();
      entry.reject(error);
    }
  }

  /** An answer; false when it is to no publish of ours. */
  answer(id: string, ok: boolean, body: Answer): boolean {
    const refusal = ok ? undefined : refusalOf(body);
    if (refusal?.retryAfterMs !== undefined) {
      this.#outbox.putOff(id, this.ports.now() + refusal.retryAfterMs);
      this.#flush();
      return true;
    }
    const entry = this.#outbox.answered(id);
    if (!entry) return false;
    entry.stopTimer?.();
    if (refusal) entry.reject(refusal);
    else entry.resolve(published(entry, body));
    this.#flush();
    return true;
  }

  #flush(): void {
    if (!this.#isOnline) return;
    for (let entry = this.#outbox.next(this.ports.now()); entry; entry = this.#outbox.next(this.ports.now())) {
      if (entry.bytes <= this.#maxBytes!) {
        this.ports.send(entry.frame, entry.text);
      } else {
        // Sent, it would end the connection (1009), and the next one as well.
        this.#outbox.remove(entry);
        entry.stopTimer?.();
        entry.reject(this.#tooLarge(entry));
      }
    }
    this.#stopWaiting?.();
    const at = this.#outbox.nextAt();
    this.#stopWaiting = at === undefined ? undefined : this.ports.later(Math.max(0, at - this.ports.now()), () => this.#flush());
  }

  #entry(channel: string, event: string, data: unknown, options: PublishOptions): Waiting {
    const { key, ttl, ifVersion, traceparent } = options;
    const id = options.id ?? this.ports.newId();
    const frame: ClientFrame = {
      type: 'publish',
      id,
      channel,
      event,
      ...optional('data', data),
      ...optional('key', key),
      ...optional('ttl', ttl),
      ...optional('if_version', ifVersion),
      ...optional('traceparent', traceparent),
    };
    const text = JSON.stringify(frame);
    let settle!: Pick<Waiting, 'resolve' | 'reject'>;
    const promise = new Promise<Published>((resolve, reject) => (settle = { resolve, reject }));
    return { id, channel, frame, text, bytes: utf8.encode(text).length, promise, ...settle, wasSent: false, isUnderWay: false, notBefore: 0 };
  }

  #giveUp(entry: Waiting, timeoutMs: number): void {
    this.#outbox.remove(entry);
    const fate = entry.wasSent ? `it was sent and may have been accepted: repeat it under its id ${JSON.stringify(entry.id)}` : 'it was not sent';
    entry.reject(new RelayError('TIMEOUT', `No answer to the publish on ${entry.channel} within ${timeoutMs} ms; ${fate}`));
    this.#flush();
  }

  #tooLarge(entry: Waiting): RelayError {
    return new RelayError('TOO_LARGE', `The publish on ${entry.channel} is ${entry.bytes} bytes; the relay takes ${this.#maxBytes} (Dialects:relay:MaxMessageBytes)`);
  }
}

function published(entry: Waiting, body: Answer): Published {
  const { epoch, offset } = positionOf(body) ?? { epoch: '', offset: 0 };
  return { channel: entry.channel, id: entry.id, epoch, offset, duplicate: body.duplicate === true, subscribers: typeof body.subscribers === 'number' ? body.subscribers : 0 };
}
