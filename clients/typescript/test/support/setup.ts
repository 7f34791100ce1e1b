import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { RelayClient, type RelayOptions, type Schema, type AnySchema } from '../../src/index.js';
import { Proxy } from './proxy.js';

// Compressed, the padding of slow clients would fit into the kernel's buffers.
class Uncompressed extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols, { perMessageDeflate: false });
  }
}

/** A client with short delays, over WebSockets unless a test says otherwise, that is closed at the test's end. */
export function clientOf<S extends Schema = AnySchema>(t: TestContext, url: string, options: RelayOptions = {}): RelayClient<S> {
  const relay = new RelayClient<S>(url, { WebSocket: Uncompressed, transport: 'websocket', reconnect: { baseMs: 20, maxMs: 200 }, ...options });
  t.after(() => relay.close());
  return relay;
}

/** A network to a node that is gone at the test's end. */
export async function proxyTo(t: TestContext, port: number): Promise<Proxy> {
  const proxy = await Proxy.to(port);
  t.after(() => proxy.close());
  return proxy;
}
