import type { WebSocketConstructor } from './transport/websocket.js';
import type { Status } from './types.js';

/** Calls back after so many milliseconds; the answer takes that back. */
export function later(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Letters and digits that nobody guesses. */
export function randomText(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), byte => byte.toString(36).padStart(2, '0')).join('');
}

interface Waiting {
  connect(): void;
  readonly status: Status;
}

const listening = new WeakSet<Waiting>();

/** A page or worker that is on the network again need not wait for the next try. */
export function listenForNetwork(client: Waiting): void {
  const target = globalThis as { addEventListener?: (name: string, listener: () => void) => void };
  if (!target.addEventListener || listening.has(client)) return;
  listening.add(client);
  const held = new WeakRef(client);
  target.addEventListener('online', () => {
    const alive = held.deref();
    if (alive?.status.phase === 'waiting') alive.connect();
  });
}

/** The WebSocket there is: none in Node 20. */
export const ambientWebSocket = (): WebSocketConstructor | undefined => (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
