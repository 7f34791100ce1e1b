import { tokenProtocol, type Addresses } from '../address.js';
import { asError } from '../errors.js';
import { ABNORMAL } from '../wire/closing.js';
import { read } from '../wire/frames.js';
import type { Transport, TransportEvents } from './transport.js';

/** What is used of a WebSocket: the browser's, Node's (22 and later), or the package ws. Each has events of its own type. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

const CLOSE_FOLLOWS_MS = 250;

/** Opens a native connection. */
export function openWebSocket(construct: WebSocketConstructor, addresses: Addresses, token: string | undefined, events: TransportEvents): Transport {
  const socket = new construct(addresses.socket, token === undefined ? ['relay.v1'] : ['relay.v1', tokenProtocol(token)]);
  let isOver = false;
  const over = (code: number, reason: string): void => {
    if (isOver) return;
    isOver = true;
    events.closed(code, reason);
  };
  socket.onmessage = (message: { data: unknown }) => {
    if (isOver) return;
    events.alive();
    const frame = typeof message.data === 'string' ? read(message.data) : undefined;
    if (frame) events.frame(frame);
    else events.garbage(typeof message.data === 'string' ? message.data : 'a binary frame');
  };
  // A close follows, which has the code. Early versions of Node's own say only the error when a connection does not come about.
  socket.onerror = () => setTimeout(() => over(ABNORMAL, ''), CLOSE_FOLLOWS_MS);
  socket.onclose = (close: { code?: number; reason?: string }) => over(close.code ?? ABNORMAL, close.reason ?? '');
  return {
    kind: 'websocket',
    send: (frame, text) => {
      try {
        socket.send(text ?? JSON.stringify(frame));
      } catch (error) {
        over(ABNORMAL, asError(error).message);
      }
    },
    close: () => {
      isOver = true;
      try {
        socket.close(1000);
      } catch {
        // It never opened.
      }
    },
  };
}
