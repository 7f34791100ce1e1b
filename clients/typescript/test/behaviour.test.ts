// The shared suite (clients/CONFORMANCE.md) against a real node; the numbers are the list's.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Gap, PresenceChange, RelayEvent } from '@actorrelay/client';
import { startNode, type RelayNode } from './support/node.js';
import { clientOf, proxyTo } from './support/setup.js';
import { Seen, status } from './support/until.js';

let node: RelayNode;
before(async () => {
  node = await startNode({
    'Namespaces:topics:HistoryLength': '2000',
    'Namespaces:users:WhenSlow': 'dropOldest',
    'Namespaces:users:HistoryLength': '2000',
    'Limits:UnsentBytes': '64KiB',
    'Namespaces:projects:Presence': 'false',
  });
});
after(() => node.kill());

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test('1 Connect: events arrive in order, once, with their positions and payloads', async t => {
  const relay = clientOf(t, node.url);
  const seen = new Seen<RelayEvent>();
  await relay.subscribe('topics/order', seen.add).ready;
  const accepted = await Promise.all(upTo(3).map(n => relay.publish('topics/order', 'n', { n, text: 'ä€😀' })));
  const events = await seen.count(3);
  assert.deepEqual(events.map(one => [one.offset, one.data]), upTo(3).map(n => [n, { n, text: 'ä€😀' }]));
  assert.deepEqual(accepted.map(one => one.offset), upTo(3));
  assert.deepEqual([relay.status.phase, relay.status.transport], ['online', 'websocket']);
});

test('2 Publish: a repeated id is accepted once', async t => {
  const relay = clientOf(t, node.url);
  const first = await relay.publish('topics/once', 'n', 1, { id: 'the-one' });
  const again = await relay.publish('topics/once', 'n', 1, { id: 'the-one' });
  assert.deepEqual([first.duplicate, again.duplicate, again.offset], [false, true, first.offset]);
  const [together, alike] = await Promise.all([relay.publish('topics/once', 'n', 2, { id: 'b' }), relay.publish('topics/once', 'n', 2, { id: 'b' })]);
  assert.equal(together.offset, alike.offset);
});

test('3 Refusals: a code that names the reason, and the connection goes on', async t => {
  const relay = clientOf(t, node.url);
  const refused: Error[] = [];
  await assert.rejects(relay.subscribe('nonsense', () => undefined, { onError: error => refused.push(error) }).ready, { code: 'INVALID_CHANNEL' });
  await assert.rejects(relay.publish('nonsense', 'n', 1), { code: 'INVALID_CHANNEL' });
  await assert.rejects(relay.history('nonsense'), { code: 'INVALID_CHANNEL' });
  await assert.rejects(relay.publish('topics/large', 'n', 'x'.repeat(70_000)), { code: 'TOO_LARGE' });
  const version = await relay.publish('topics/versions', 'n', 1, { key: 'k', ifVersion: null });
  await assert.rejects(relay.publish('topics/versions', 'n', 2, { key: 'k', ifVersion: null }), { code: 'VERSION_MISMATCH', current: { epoch: version.epoch, offset: version.offset } });
  assert.equal(refused.length, 1);
  assert.equal(relay.status.phase, 'online');
});

test('4 Resume: after cuts nothing is missing, nothing comes twice, and the session is the old one', async t => {
  const proxy = await proxyTo(t, node.port);
  const relay = clientOf(t, proxy.url);
  const publisher = clientOf(t, node.url);
  const seen = new Seen<RelayEvent>();
  const gaps: Gap[] = [];
  await relay.subscribe('topics/cut', seen.add, { onGap: gap => gaps.push(gap) }).ready;
  const { clientId } = relay.status;
  for (const n of upTo(300)) {
    await publisher.publish('topics/cut', 'n', n);
    if (n % 60 === 30) proxy.cut();
  }
  await seen.some(event => event.data === 300);
  assert.deepEqual(seen.items.map(event => event.data), upTo(300));
  assert.deepEqual(gaps, []);
  assert.equal((await status(relay, 'online')).clientId, clientId);
  assert.ok(proxy.opened > 1);
});

test('5 A publish in flight at a cut is repeated under its id and accepted once', async t => {
  const proxy = await proxyTo(t, node.port);
  const relay = clientOf(t, proxy.url);
  await relay.publish('topics/flight', 'n', 0);
  // The relay gets it, its answer is lost.
  proxy.muteRelay();
  const lost = relay.publish('topics/flight', 'n', 1, { id: 'in-flight' });
  const watcher = clientOf(t, node.url);
  const seen = new Seen<RelayEvent>();
  watcher.subscribe('topics/flight', seen.add, { last: 10 });
  await seen.some(event => event.data === 1);
  proxy.cut();
  assert.equal((await lost).duplicate, true);
  await relay.publish('topics/flight', 'n', 2);
  await seen.some(event => event.data === 2);
  assert.deepEqual(seen.items.map(event => event.data), [0, 1, 2]);
});

test('6 Offline queue: publishes wait for the relay, in order, up to a bound that says so', async t => {
  const proxy = await proxyTo(t, node.port);
  proxy.shut();
  const relay = clientOf(t, proxy.url, { maxQueuedPublishes: 5, transport: 'websocket' });
  const waiting = upTo(5).map(n => relay.publish('topics/offline', 'n', n));
  await status(relay, 'waiting');
  await assert.rejects(relay.publish('topics/offline', 'n', 6), (error: Error) => /queue is full \(5 of 5/.test(error.message) && 'code' in error && error.code === 'QUEUE_FULL');
  assert.equal(relay.queued, 5);
  proxy.open();
  assert.deepEqual((await Promise.all(waiting)).map(one => one.offset), upTo(5));
  await assert.doesNotReject(relay.publish('topics/offline', 'n', 6));
});

test('7 Slow consumer: closed with 1013, it comes back and misses nothing', async t => {
  const proxy = await proxyTo(t, node.port);
  const relay = clientOf(t, proxy.url);
  const publisher = clientOf(t, node.url, { maxQueuedBytes: 32 << 20 });
  const seen = new Seen<RelayEvent>();
  await relay.subscribe('topics/slow', event => seen.add({ ...event, data: (event.data as { n: number }).n })).ready;
  const closed = status(relay, one => one.phase === 'waiting');
  proxy.stall();
  const padding = 'x'.repeat(60_000);
  // As much as two kernels hold between them, and the relay's bound.
  await Promise.all(upTo(250).map(n => publisher.publish('topics/slow', 'n', { n, padding })));
  proxy.flow();
  const { error } = await closed;
  assert.match(error?.message ?? '', /1013/);
  await seen.some(event => event.data === 250);
  assert.deepEqual(seen.items.map(event => event.data), upTo(250));
});

test('8 Gap: what the relay left out is fetched from the history, in its place', async t => {
  const proxy = await proxyTo(t, node.port);
  const relay = clientOf(t, proxy.url);
  const publisher = clientOf(t, node.url, { maxQueuedBytes: 32 << 20 });
  const seen = new Seen<RelayEvent>();
  const gaps: Gap[] = [];
  await relay.subscribe('users/slow', event => seen.add({ ...event, data: (event.data as { n: number }).n }), { onGap: gap => gaps.push(gap) }).ready;
  proxy.stall();
  const padding = 'x'.repeat(60_000);
  await Promise.all(upTo(250).map(n => publisher.publish('users/slow', 'n', { n, padding })));
  proxy.flow();
  await seen.some(event => event.data === 250);
  assert.deepEqual(seen.items.map(event => event.data), upTo(250));
  assert.deepEqual(gaps, []);
  assert.equal(proxy.opened, 1, 'the connection stood');
});

test('9 Presence: who is there, who joins, who leaves', async t => {
  const relay = clientOf(t, node.url, { agentId: 'anna' });
  const changes = new Seen<PresenceChange>();
  await relay.subscribe('topics/room', () => undefined, { presence: true, onPresence: changes.add }).ready;
  const other = clientOf(t, node.url, { agentId: 'bert' });
  await other.subscribe('topics/room', () => undefined, { presence: true }).ready;
  assert.deepEqual(await changes.some(change => change.userId === 'bert').then(change => change.type), 'join');
  const there = await relay.presence('topics/room');
  assert.deepEqual(there.members.map(member => member.userId).sort(), ['anna', 'bert']);
  assert.deepEqual([there.count, there.users], [2, 2]);
  other.close();
  await changes.some(change => change.type === 'leave' && change.userId === 'bert');
});

test('10 The past: newest n, since a position, last values, history', async t => {
  const relay = clientOf(t, node.url);
  const accepted = await Promise.all(upTo(5).map(n => relay.publish('topics/past', 'n', n, { key: n % 2 ? 'odd' : 'even' })));
  const last = new Seen<RelayEvent>();
  const since = new Seen<RelayEvent>();
  const values = new Seen<RelayEvent>();
  // The first decides what the relay is asked for; the others catch up beside it.
  relay.subscribe('topics/past', last.add, { last: 2 });
  relay.subscribe('topics/past', since.add, { since: accepted[1]! });
  relay.subscribe('topics/past', values.add, { lastPerKey: true });
  await Promise.all([last.count(2), since.count(3), values.count(2)]);
  await relay.publish('topics/past', 'n', 6);
  await Promise.all([last, since, values].map(one => one.some(event => event.data === 6)));
  assert.deepEqual([last, since, values].map(one => one.items.map(event => event.data)), [[4, 5, 6], [3, 4, 5, 6], [4, 5, 6]]);
  const page = await relay.history('topics/past', { since: accepted[0]!, until: 3 });
  assert.deepEqual([page.events.map(event => event.data), page.recovered, page.position?.offset], [[2, 3], true, 6]);
});

test('11 Patterns: channels born later, and what was missed in known ones after a cut', async t => {
  const proxy = await proxyTo(t, node.port);
  const relay = clientOf(t, proxy.url);
  const publisher = clientOf(t, node.url);
  const every = new Seen<RelayEvent>();
  const one = new Seen<RelayEvent>();
  await relay.subscribe('topics/tree/**', every.add).ready;
  await relay.subscribe('topics/tree/a', one.add).ready;
  for (const n of upTo(5)) await publisher.publish('topics/tree/a', 'n', n);
  await every.count(5);
  proxy.shut();
  for (const n of [6, 7, 8]) await publisher.publish('topics/tree/a', 'n', n);
  proxy.open();
  await status(relay, 'online');
  await publisher.publish('topics/tree/a', 'n', 9);
  // Of channels that were not heard before nothing from before comes.
  while (!every.items.some(event => event.data === 'new')) await publisher.publish('topics/tree/b', 'n', 'new');
  await Promise.all([every, one].map(seen => seen.some(event => event.data === 9)));
  assert.deepEqual(every.items.filter(event => event.channel === 'topics/tree/a').map(event => event.data), upTo(9));
  assert.deepEqual(one.items.map(event => event.data), upTo(9));
});

test('12 Filters: each listener hears what it asked for, over one subscription', async t => {
  const relay = clientOf(t, node.url);
  const tasks = new Seen<RelayEvent>();
  const every = new Seen<RelayEvent>();
  await relay.subscribe('topics/filter', tasks.add, { filter: ['task.*'] }).ready;
  await relay.publish('topics/filter', 'note', 1);
  await relay.publish('topics/filter', 'task.created', 2);
  await tasks.count(1);
  await relay.subscribe('topics/filter', every.add).ready;
  await relay.publish('topics/filter', 'note', 3);
  await relay.publish('topics/filter', 'task.done', 4);
  await Promise.all([tasks.count(2), every.some(event => event.data === 4)]);
  assert.deepEqual(tasks.items.map(event => event.data), [2, 4]);
  assert.deepEqual(every.items.filter(event => (event.data as number) > 2).map(event => event.data), [3, 4]);
});

test('13 Close: what waits is rejected, nothing comes any more, and it can be opened again', async t => {
  const proxy = await proxyTo(t, node.port);
  const relay = clientOf(t, proxy.url);
  const ended: Error[] = [];
  await relay.subscribe('topics/close', () => assert.fail('after close'), { onError: error => ended.push(error) }).ready;
  proxy.muteRelay();
  const waiting = relay.publish('topics/close', 'n', 1);
  const asked = relay.presence('topics/close');
  relay.close();
  await assert.rejects(waiting, { code: 'CLOSED' });
  await assert.rejects(asked, { code: 'CLOSED' });
  await assert.rejects(relay.publish('topics/close', 'n', 2), { code: 'CLOSED' });
  assert.equal(ended.length, 1);
  relay.connect();
  await assert.doesNotReject(relay.publish('topics/close', 'n', 3));
});

test('what one listener may not have costs the others nothing', async t => {
  const relay = clientOf(t, node.url);
  const seen = new Seen<RelayEvent>();
  // Asked for together, and of what stands already.
  for (const channel of ['projects/1', 'projects/2']) {
    const plain = relay.subscribe(channel, seen.add);
    if (channel === 'projects/2') await plain.ready;
    const present = relay.subscribe(channel, () => assert.fail('refused'), { presence: true });
    await assert.rejects(present.ready, { code: 'NOT_AUTHORIZED' });
    await plain.ready;
    await relay.publish(channel, 'n', channel);
  }
  await seen.count(2);
});
