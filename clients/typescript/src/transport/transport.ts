import type { TransportKind } from '../state/link.js';
import type { ClientFrame, ServerFrame } from '../wire/frames.js';

/** What a transport tells its client. After `closed` it says nothing more. */
export interface TransportEvents {
  frame(frame: ServerFrame): void;
  /** Something was heard, a frame or not. */
  alive(): void;
  /** Something came that is no frame. */
  garbage(text: string): void;
  closed(code: number, reason: string): void;
}

/** One connection to the relay, whatever it goes over: native frames out, native frames in. */
export interface Transport {
  readonly kind: TransportKind;
  send(frame: ClientFrame, text?: string): void;
  /** Ends it; `closed` is not called. */
  close(): void;
}
