// The shared suite (clients/CONFORMANCE.md), second part: relays that leave, die, fall silent, or want another token.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Gap, RelayEvent } from '@actorrelay/client';
import { startNode, type RelayNode } from './support/node.js';
import { clientOf, proxyTo } from './support/setup.js';
import { secret, tokenOf } from './support/tokens.js';
import { Seen, status } from './support/until.js';

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

async function nodeFor(t: TestContext, settings: Record<string, string>): Promise<RelayNode> {
  const node = await startNode(settings);
  t.after(() => node.kill());
  return node;
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relay-sdk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

for (const [name, end] of [['14 Drain: a node that leaves', 'leave'], ['15 Crash: a node that is killed', 'kill']] as const) {
  test(`${name} and comes back at the same address; every publish is accepted once, every event comes once`, async t => {
    const durable = { 'Storage:Path': await folderFor(t), 'Namespaces:topics:Durability': 'sql' };
    const first = await nodeFor(t, durable);
    const proxy = await proxyTo(t, first.port);
    const relay = clientOf(t, proxy.url);
    const publisher = clientOf(t, proxy.url);
    const seen = new Seen<RelayEvent>();
    const gaps: Gap[] = [];
    await relay.subscribe('topics/durable', seen.add, { onGap: gap => gaps.push(gap) }).ready;
    const early = upTo(20).map(n => publisher.publish('topics/durable', 'n', n));
    await seen.count(10);
    const gone = first[end]();
    const late = upTo(20).map(n => publisher.publish('topics/durable', 'n', 20 + n));
    await gone;
    proxy.target = (await nodeFor(t, durable)).port;
    const accepted = await Promise.all([...early, ...late]);
    await seen.some(event => event.data === 40);
    assert.deepEqual(seen.items.map(event => event.data), upTo(40));
    assert.deepEqual(accepted.map(one => one.offset), upTo(40));
    assert.deepEqual(gaps, []);
  });
}

test('16 A channel that began anew is told as a gap, and goes on', async t => {
  const first = await nodeFor(t, {});
  const proxy = await proxyTo(t, first.port);
  const relay = clientOf(t, proxy.url);
  const seen = new Seen<RelayEvent>();
  const gaps = new Seen<Gap>();
  await relay.subscribe('topics/memory', seen.add, { onGap: gaps.add }).ready;
  const { epoch } = await relay.publish('topics/memory', 'n', 1);
  await seen.count(1);
  await first.kill();
  proxy.target = (await nodeFor(t, {})).port;
  await status(relay, 'online');
  await relay.publish('topics/memory', 'n', 2);
  await seen.count(2);
  assert.deepEqual(await gaps.count(1), [{ channel: 'topics/memory', epoch, from: 2 }]);
  assert.deepEqual(seen.items.map(event => event.data), [1, 2]);
});

const auth = { 'Auth:Required': 'true', 'Auth:Jwt:Keys:0:Secret': secret, 'Auth:ApiKeys:0:Name': 'admin', 'Auth:ApiKeys:0:Key': 'an-admin-key-of-the-suite', 'Auth:ApiKeys:0:Rights': 'admin' };

test('17 Token: renewed while the connection stands, and after it was revoked; a refused one ends', async t => {
  const node = await nodeFor(t, auth);
  const proxy = await proxyTo(t, node.port);
  const asked: boolean[] = [];
  const calls = new Seen<number>();
  const relay = clientOf(t, proxy.url, {
    token: async ({ refresh }) => {
      asked.push(refresh);
      calls.add(asked.length);
      // The first one ends so soon that a newer one is asked for at once.
      return tokenOf('anna', `t${asked.length}`, asked.length === 1 ? 50 : 3600);
    },
  });
  const seen = new Seen<RelayEvent>();
  await relay.subscribe('users/anna', seen.add).ready;
  await calls.count(2);
  const { clientId } = relay.status;
  // Answered behind the refresh, over the same connection.
  await relay.history('users/anna');
  const revoke = (token_id: string): Promise<Response> =>
    fetch(`${node.url}/api/v1/revoke`, { method: 'POST', headers: { authorization: 'Bearer an-admin-key-of-the-suite' }, body: JSON.stringify({ token_id }) });
  assert.equal((await revoke('t1')).status, 200);
  assert.equal((await revoke('t2')).status, 200);
  await calls.count(3);
  await status(relay, 'online');
  await relay.history('users/anna');
  assert.deepEqual(asked, [false, true, true]);
  assert.equal(proxy.opened, 2, 'the first token ended nothing');
  assert.equal(relay.status.clientId, clientId, 'the session was resumed');

  // Only over HTTP it is seen why a connection does not come about.
  const refused = clientOf(t, node.url, { transport: 'auto', token: tokenOf('anna', 't1', 3600) });
  const subscription = refused.subscribe('users/anna', () => undefined);
  await assert.rejects(subscription.ready, { code: 'UNAUTHORIZED' });
  assert.equal((await status(refused, 'closed')).error?.message.includes('token'), true);
});

test('18 A relay that falls silent is left, and found again', async t => {
  const node = await nodeFor(t, { 'Dialects:relay:PingInterval': '1s' });
  const proxy = await proxyTo(t, node.port);
  const relay = clientOf(t, proxy.url);
  const seen = new Seen<RelayEvent>();
  await relay.subscribe('topics/silent', seen.add).ready;
  const lost = status(relay, 'waiting');
  proxy.mute();
  const queued = relay.publish('topics/silent', 'n', 1);
  assert.match((await lost).error?.message ?? '', /fell silent/);
  assert.equal((await queued).duplicate, false);
  await seen.count(1);
  assert.equal(proxy.opened, 2);
});

test('19 Event streams: where WebSockets do not get through, the same over HTTP', async t => {
  const node = await nodeFor(t, { 'Namespaces:topics:HistoryLength': '2000' });
  const proxy = await proxyTo(t, node.port);
  proxy.refusesUpgrades = true;
  const relay = clientOf(t, proxy.url, { transport: 'auto' });
  const publisher = clientOf(t, node.url);
  await publisher.publish('topics/stream', 'n', 1);
  await publisher.publish('topics/stream', 'n', 2);
  const seen = new Seen<RelayEvent>();
  const other = new Seen<RelayEvent>();
  const gaps: Gap[] = [];
  const subscription = relay.subscribe('topics/stream', seen.add, { last: 1, onGap: gap => gaps.push(gap) });
  const refused = relay.subscribe('nonsense', () => undefined);
  relay.subscribe('topics/other/*', other.add);
  assert.equal((await subscription.ready).position?.offset, 2);
  await assert.rejects(refused.ready, { code: 'INVALID_CHANNEL' });
  assert.equal(relay.status.transport, 'sse');
  assert.equal((await relay.publish('topics/stream', 'n', 3, { id: 'three' })).offset, 3);
  assert.equal((await relay.publish('topics/stream', 'n', 3, { id: 'three' })).duplicate, true);
  await assert.rejects(relay.publish('nonsense', 'n', 3), { name: 'RelayError' });
  for (const n of [4, 5, 6, 7, 8]) {
    await publisher.publish('topics/stream', 'n', n);
    if (n % 2 === 0) proxy.cut();
  }
  await seen.some(event => event.data === 8);
  await status(relay, 'online');
  const late = new Seen<RelayEvent>();
  await relay.subscribe('topics/late', late.add).ready;
  await publisher.publish('topics/late', 'n', 'l');
  await publisher.publish('topics/other/1', 'n', 'o');
  await Promise.all([late.count(1), other.count(1)]);
  assert.deepEqual(seen.items.map(event => event.data), [2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(gaps, []);
  assert.deepEqual((await relay.history('topics/stream', { limit: 2 })).events.map(event => event.data), [7, 8]);
  assert.equal((await relay.presence('topics/stream')).count, 0);
});
