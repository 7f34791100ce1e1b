import type { ClientFrame } from './wire/frames.js';

/** What the modules that hold the conversation need from outside: they have no socket, timer, clock or chance of their own. */
export interface Ports {
  /** Hands a frame to the connection that stands; `text` is its JSON where that is there already. */
  send(frame: ClientFrame, text?: string): void;
  /** Calls back after so many milliseconds; the answer takes that back. */
  later(ms: number, run: () => void): () => void;
  /** Milliseconds since 1970. */
  now(): number;
  /** An id that no other client makes. */
  newId(): string;
  /** An error that nobody waits for: what a listener threw, what the relay said of no request. */
  report(error: Error): void;
}
