import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { RelayClient, RelayError, type Gap, type RelayEvent } from '@actorrelay/client';
import { startNode, type RelayNode } from './support/node.js';
import { Proxy } from './support/proxy.js';
import { Seen, status } from './support/until.js';

let node: RelayNode;
before(async () => void (node = await startNode({ 'Namespaces:topics:HistoryLength': '5000' })));
after(() => node.kill());

const client = (url: string, more: object = {}): RelayClient => new RelayClient(url, { WebSocket, reconnect: { baseMs: 20, maxMs: 200 }, ...more });

test('events arrive in order with their positions and payloads', async t => {
  const relay = client(node.url);
  t.after(() => relay.close());
  const seen = new Seen<RelayEvent>();
  await relay.subscribe('topics/order', seen.add).ready;
  const accepted = await Promise.all([1, 2, 3].map(n => relay.publish('topics/order', 'n', { n, text: 'ä€😀' })));
  const events = await seen.count(3);
  assert.deepEqual(events.map(one => [one.offset, one.data]), [1, 2, 3].map(n => [n, { n, text: 'ä€😀' }]));
  assert.deepEqual(accepted.map(one => one.offset), [1, 2, 3]);
  assert.equal(relay.status.phase, 'online');
  assert.ok(relay.status.node);
});

test('after a cut nothing is missing and nothing comes twice', async t => {
  const proxy = await Proxy.to(node.port);
  const relay = client(proxy.url);
  const publisher = client(node.url);
  t.after(async () => {
    relay.close();
    publisher.close();
    await proxy.close();
  });
  const seen = new Seen<RelayEvent>();
  const gaps: Gap[] = [];
  await relay.subscribe('topics/cut', seen.add, { onGap: gap => gaps.push(gap) }).ready;
  const clientId = relay.status.clientId;
  for (let n = 1; n <= 300; n++) {
    await publisher.publish('topics/cut', 'n', n);
    if (n % 100 === 50) proxy.cut();
  }
  await seen.some(event => event.data === 300);
  assert.deepEqual(seen.items.map(event => event.data), Array.from({ length: 300 }, (_, i) => i + 1));
  assert.deepEqual(gaps, []);
  await status(relay, 'online');
  assert.equal(relay.status.clientId, clientId, 'the session was resumed');
});
