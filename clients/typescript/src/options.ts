import type { FetchLike } from './transport/http.js';
import type { WebSocketConstructor } from './transport/websocket.js';
import type { Status } from './types.js';

/** A token or API key, or what gets one: `refresh` says that the last one is no good or ends soon. */
export type TokenSource = string | ((ask: { readonly refresh: boolean }) => string | undefined | null | Promise<string | undefined | null>);

export interface RelayOptions {
  readonly token?: TokenSource;
  /** Speak as this agent, where the relay asks for no credentials. */
  readonly agentId?: string;
  readonly sessionId?: string;
  /** `auto` (default): WebSocket, and event streams with HTTP where WebSockets do not get through. */
  readonly transport?: 'auto' | 'websocket' | 'sse';
  /** Node 20 has none of its own: `import { WebSocket } from 'ws'`. */
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch?: FetchLike;
  /** Delays between tries: from 0 up to `baseMs` (500) doubled with every try, at most `maxMs` (30,000). */
  readonly reconnect?: { readonly baseMs?: number; readonly maxMs?: number };
  /** A try that is not greeted for so long has failed (10,000). */
  readonly connectTimeoutMs?: number;
  /** Publishes without an answer, beyond which `publish` rejects with `QUEUE_FULL` (10,000 and 8 MiB). */
  readonly maxQueuedPublishes?: number;
  readonly maxQueuedBytes?: number;
}

export interface RelayEvents {
  status: Status;
  /** What nobody else is told: errors thrown by listeners, a token provider that failed, error frames, garbage. */
  error: Error;
}
