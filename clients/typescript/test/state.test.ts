// The plain modules: no socket, no timer; time and chance are arguments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesOf, tokenProtocol } from '../src/address.js';
import { backoff } from '../src/state/backoff.js';
import { Cursor, MOST_HELD } from '../src/state/cursor.js';
import { Feed, MOST_CHANNELS_OF_PATTERN, type Listener } from '../src/state/feed.js';
import { Link, type LinkRules } from '../src/state/link.js';
import { Outbox, type Entry } from '../src/state/outbox.js';
import { StreamReader } from '../src/transport/lines.js';
import type { RelayEvent, SubscribeOptions } from '../src/types.js';
import { afterClose } from '../src/wire/closing.js';
import { parse, read } from '../src/wire/frames.js';
import { matches, passes } from '../src/wire/names.js';

const event = (offset: number, epoch = 'e', channel = 'topics/a'): RelayEvent => ({ id: '', channel, event: 'n', data: offset, timestamp: 0, epoch, offset });
const offsets = (events: Iterable<RelayEvent>): (number | undefined)[] => [...events].map(one => one.offset);

// ---- coming back ---------------------------------------------------------------------------------------------------------------------------

const rules: LinkRules = { transport: 'auto', baseMs: 500, maxMs: 30_000, stableMs: 5_000, canRenew: false };
const delayOf = (link: Link, code: number, now = 0): number => {
  const plan = link.closed('websocket', code, '', now);
  assert.equal(plan.kind, 'retry');
  return plan.kind === 'retry' ? plan.delayMs : NaN;
};

test('delays double up to their bound, and are spread from nothing up', () => {
  assert.deepEqual([0, 1, 2, 3, 10, 1000].map(attempt => backoff(attempt, 500, 30_000, 0.9999)), [499, 999, 1999, 3999, 29_997, 29_997]);
  assert.equal(backoff(5, 500, 30_000, 0), 0);
  const link = new Link(rules, () => 0.5);
  assert.deepEqual([1006, 1006, 1006].map(code => delayOf(link, code)), [250, 500, 1000]);
});

test('a planned reconnect happens at its instant, however the connection ends, and without a spread', () => {
  const link = new Link(rules, () => 0.9);
  link.online('websocket', 0);
  link.planned(4_000, 1_000);
  assert.equal(delayOf(link, 1012, 2_000), 3_000);
  link.online('websocket', 6_000);
  link.planned(1_000, 6_000);
  assert.equal(delayOf(link, 1012, 9_000), 0);
});

test('delays begin anew after a connection that stood, not after one that was only greeted', () => {
  const link = new Link(rules, () => 0.5);
  for (const at of [0, 100, 200]) {
    link.online('websocket', at);
    link.closed('websocket', 1013, '', at + 50);
  }
  assert.equal(link.attempt, 3);
  link.online('websocket', 1_000);
  assert.equal(delayOf(link, 1013, 7_000), 250);
});

test('close codes: at once, later, with a new token, or never', () => {
  assert.deepEqual([1001, 1012, 4000, 4412].map(afterClose), ['now', 'now', 'now', 'now']);
  assert.deepEqual([1006, 1011, 1013, 4408, 4429, 3000].map(afterClose), Array(6).fill('backoff'));
  assert.deepEqual([1000, 1002, 1007, 1008, 1009, 4400, 4403, 4409].map(afterClose), Array(8).fill('never'));
  const without = new Link(rules, () => 0);
  assert.deepEqual(ends(without.closed('websocket', 4401, 'Token expired', 0)), ['UNAUTHORIZED', true]);
  const renewing = new Link({ ...rules, canRenew: true }, () => 0);
  assert.equal(renewing.closed('websocket', 4401, '', 0).kind, 'retry');
  assert.equal(renewing.needsFreshToken, true);
  renewing.online('websocket', 1);
  assert.equal(renewing.needsFreshToken, false);
  assert.deepEqual(ends(renewing.closed('websocket', 4409, 'Session resumed', 2)), ['CONNECTION_REFUSED', true]);
});

const ends = (plan: ReturnType<Link['closed']>): unknown => (plan.kind === 'end' ? [plan.error.code, plan.error.message.includes('44')] : plan);

test('event streams are tried after two WebSockets that failed, and kept while they are what works', () => {
  const link = new Link(rules, () => 0);
  const tried: string[] = [];
  for (let i = 0; i < 6; i++) {
    tried.push(link.transport(i));
    link.closed(link.transport(i), 1006, '', i);
  }
  assert.deepEqual(tried, ['websocket', 'websocket', 'sse', 'websocket', 'sse', 'websocket']);
  link.online('sse', 100);
  link.closed('sse', 1006, '', 200);
  assert.equal(link.transport(300), 'sse');
  assert.equal(link.transport(70_000), 'websocket');
  const again = new Link(rules, () => 0);
  again.online('websocket', 0);
  const retried = [1, 2, 3, 4, 5, 6].map(at => {
    again.closed(again.transport(at), 1006, '', at);
    return again.transport(at);
  });
  assert.deepEqual(retried, ['websocket', 'websocket', 'websocket', 'websocket', 'sse', 'websocket'], 'where one has worked, later');
  assert.equal(new Link({ ...rules, transport: 'sse' }, () => 0).transport(0), 'sse');
});

// ---- places --------------------------------------------------------------------------------------------------------------------------------

test('a cursor lets each event pass once, in whatever epoch', () => {
  const cursor = new Cursor();
  assert.deepEqual([3, 4, 4, 3, 6].flatMap(offset => offsets(cursor.offer(event(offset)))), [3, 4, 6]);
  assert.deepEqual(offsets(cursor.offer(event(1, 'f'))), [1]);
  assert.deepEqual(cursor.position, { epoch: 'f', offset: 1 });
  const { epoch: _, offset: __, ...transient } = event(1);
  assert.equal(cursor.offer(transient).length, 1);
  assert.equal(cursor.offer(transient).length, 1);
});

test('a replay of the newest n begins where the relay says, and is resumed from before it', () => {
  const cursor = new Cursor();
  cursor.beginAt({ epoch: 'e', offset: 8 });
  assert.deepEqual(offsets(cursor.offer(event(5))), [5]);
  assert.deepEqual(offsets(cursor.offer(event(5))), []);
});

test('what is held waits for what is fetched, gap by gap, and comes once', () => {
  const cursor = new Cursor();
  cursor.standAt({ epoch: 'e', offset: 1 });
  cursor.hold();
  for (const offset of [4, 5]) assert.deepEqual(cursor.offer(event(offset)), []);
  cursor.holdBehind({ after: { epoch: 'e', offset: 5 }, until: 7 });
  cursor.offer(event(8));
  for (const offset of [2, 3, 4]) assert.equal(cursor.take(event(offset)), true);
  const first = cursor.release();
  assert.deepEqual([offsets(first.events), first.missing?.until, cursor.isHolding], [[5], 7, true]);
  for (const offset of [6, 7]) cursor.take(event(offset));
  assert.deepEqual([offsets(cursor.release().events), cursor.isHolding], [[8], false]);
  assert.deepEqual(offsets(cursor.offer(event(9))), [9]);
});

test('what is held is forgotten with its connection, and bounded', () => {
  const cursor = new Cursor();
  cursor.standAt({ epoch: 'e', offset: 1 });
  cursor.hold();
  for (let offset = 5; offset < MOST_HELD + 6; offset++) cursor.offer(event(offset));
  assert.deepEqual([cursor.isOverfull, cursor.firstHeld], [true, 5]);
  cursor.forgetHeld();
  assert.deepEqual([cursor.position?.offset, offsets(cursor.offer(event(2)))], [1, [2]]);
});

// ---- subscriptions -------------------------------------------------------------------------------------------------------------------------

const listener = (options: SubscribeOptions = {}): Listener => ({ options, onEvent: () => undefined, settle: () => undefined });
const feedOf = (channel: string, ...options: SubscribeOptions[]): Feed => {
  const feed = new Feed(channel);
  for (const one of options) feed.add(listener(one));
  return feed;
};

test('the relay is asked for what all listeners want together', () => {
  assert.deepEqual(feedOf('topics/a', { last: 3, filter: ['a.*'] }, { filter: ['b'], presence: 'user' }).ask('1', false), {
    type: 'subscribe', id: '1', channel: 'topics/a', filter: { events: ['a.*', 'b'] }, presence: true, presence_by: 'user', last: 3,
  });
  assert.deepEqual(feedOf('topics/a', { filter: ['a'], presence: true }, { presence: 'user' }).ask('1', false), { type: 'subscribe', id: '1', channel: 'topics/a', presence: true });
  const narrow = feedOf('topics/a', { filter: ['a'] });
  narrow.ask('1', false);
  assert.deepEqual([{ filter: ['a'] }, { filter: ['b'] }, {}, { filter: ['a'], presence: true }].map(wish => narrow.isTooNarrowFor(wish)), [false, true, true, true]);
});

test('a position takes the place of what was wanted first; covered channels ask for nothing of the past', () => {
  const feed = feedOf('topics/a', { last: 3 });
  feed.ask('1', false);
  feed.cursor('topics/a').standAt({ epoch: 'e', offset: 7 });
  assert.deepEqual(feed.ask('2', false).since, { epoch: 'e', offset: 7 });
  assert.equal('last' in feed.ask('2', false), false);
  assert.equal('since' in feed.ask('3', true), false);
  assert.deepEqual(feedOf('topics/a', { since: { epoch: 'e', offset: 2 } }).position, { epoch: 'e', offset: 2 });
});

test('a session has what stood when the connection was cut, until it is asked for anew', () => {
  const feed = feedOf('topics/a', {});
  feed.ask('1', false);
  feed.cut();
  assert.equal(feed.isInSession, false);
  feed.ask('2', false);
  feed.phase = 'on';
  feed.isLive = true;
  feed.cut();
  feed.cut();
  assert.equal(feed.isInSession, true, 'also after a cut before it was resumed');
  feed.ask('3', false);
  feed.cut();
  assert.equal(feed.isInSession, false);
});

test('a pattern remembers the places of the channels heard last', () => {
  const feed = feedOf('topics/**', {});
  for (let i = 0; i <= MOST_CHANNELS_OF_PATTERN; i++) feed.cursor(`topics/${i}`).take(event(i + 1, 'e', `topics/${i}`));
  assert.equal(feed.places().length, MOST_CHANNELS_OF_PATTERN);
  assert.equal(feed.places()[0]![0], 'topics/1');
});

// ---- publishes -----------------------------------------------------------------------------------------------------------------------------

const entry = (id: string, channel = 'c', bytes = 10): Entry => ({ id, channel, bytes, frame: { type: 'publish' }, wasSent: false, isUnderWay: false, notBefore: 0 });
const outboxOf = (limits: object, ...entries: Entry[]): Outbox => {
  const outbox = new Outbox({ publishes: 10, bytes: 1000, inFlight: 5, ...limits });
  for (const one of entries) outbox.add(one);
  return outbox;
};
const sent = (outbox: Outbox, now = 0): string[] => {
  const ids: string[] = [];
  for (let one = outbox.next(now); one; one = outbox.next(now)) ids.push(one.id);
  return ids;
};

test('publishes go in order, so many at a time, and after a cut again', () => {
  const outbox = outboxOf({ inFlight: 2 }, entry('a'), entry('b'), entry('c'));
  assert.deepEqual(sent(outbox), ['a', 'b']);
  assert.equal(outbox.answered('a')?.id, 'a');
  assert.deepEqual(sent(outbox), ['c']);
  outbox.cut();
  assert.deepEqual(sent(outbox), ['b', 'c']);
  assert.equal(outbox.answered('a'), undefined);
  assert.deepEqual(outbox.clear().map(one => one.id), ['b', 'c']);
});

test('a queue that is full says what is in it and which options raise its bounds', () => {
  const outbox = outboxOf({ publishes: 2, bytes: 25 }, entry('a'));
  assert.throws(() => outbox.add(entry('large', 'c', 16)), /1 of 2 publishes, 10 of 25 bytes .*maxQueuedPublishes or maxQueuedBytes/);
  outbox.add(entry('b'));
  assert.throws(() => outbox.add(entry('c', 'c', 1)), { code: 'QUEUE_FULL' });
  sent(outbox);
  outbox.answered('a');
  assert.doesNotThrow(() => outbox.add(entry('c')));
});

test('one that is put off holds back its channel only, until its time', () => {
  const outbox = outboxOf({}, entry('a'), entry('b'), entry('x', 'other'));
  outbox.next(0);
  outbox.putOff('a', 100);
  assert.deepEqual(sent(outbox, 0), ['x']);
  assert.equal(outbox.nextAt(), 100);
  assert.deepEqual(sent(outbox, 100), ['a', 'b']);
});

test('two channels with one id wait for each other: the answer says only the id', () => {
  const outbox = outboxOf({}, entry('a', 'one'), entry('a', 'two'));
  assert.deepEqual([outbox.next(0)?.channel, outbox.next(0)], ['one', undefined]);
  assert.equal(outbox.answered('a')?.channel, 'one');
  assert.equal(outbox.next(0)?.channel, 'two');
  assert.equal(outbox.find('a', 'one'), undefined);
});

// ---- the wire ------------------------------------------------------------------------------------------------------------------------------

test('garbage is undefined, unknown types are other, and members are checked', () => {
  for (const text of ['', '{', '[]', '1', 'null', '{}', '{"event":1}', '{"event":"n"}', '{"type":"ack"}', '{"type":"gap","channel":"c","epoch":"e","from":-1,"to":2}']) assert.equal(read(text), undefined, text);
  assert.deepEqual(read('{"type":"made.up"}'), { kind: 'other' });
  assert.deepEqual(read('{"type":"connected"}'), { kind: 'connected', clientId: '', pingMs: 25_000, maxBytes: 65_536 });
  assert.deepEqual(read('{"channel":"c","event":"e","epoch":"e","offset":"7"}'), { kind: 'event', event: { id: '', channel: 'c', event: 'e', data: undefined, timestamp: 0 } });
});

test('members named __proto__ are left out, however they are written', () => {
  for (const text of ['{"a":{"__proto__":{"x":1},"b":2}}', '{"a":{"\\u005F_proto_\\u005f":{"x":1},"b":2}}', '{"a":{"b":2,"_\\u005fproto__":[1]}}']) {
    const { a } = parse(text) as { a: object };
    assert.deepEqual(Object.getOwnPropertyNames(a), ['b'], text);
  }
});

test('patterns mean what the relay means by them', () => {
  const cases: [string, string, boolean][] = [
    ['agents/*', 'agents/a', true], ['agents/*', 'agents/a/b', false], ['agents/*', 'agents/', false], ['topics/**', 'topics/a/b', true], ['topics/**', 'topics', false],
    ['topics/*/log', 'topics/a/log', true], ['topics/*/log', 'topics/a/x', false], ['topics/deploy/**', 'topics/deployed/x', false],
  ];
  for (const [pattern, channel, wanted] of cases) assert.equal(matches(pattern, channel), wanted, `${pattern} ${channel}`);
  assert.deepEqual([passes(undefined, 'x'), passes([], 'x'), passes(['*'], 'x'), passes(['task.*'], 'task.a'), passes(['task.*'], 'tasks'), passes(['a', 'x'], 'x')], [true, false, true, true, false, true]);
});

test('event streams are read however they are cut', () => {
  const text = ': hello\r\nretry: 2000\n\nevent: subscribed\ndata: {"a":1}\r\n\r\nid: 7\ndata: one\rdata:two\n\ndata\n\nevent: none\n\n';
  const wanted = [{ name: 'subscribed', data: '{"a":1}' }, { name: 'message', data: 'one\ntwo' }, { name: 'message', data: '' }];
  for (let size = 1; size <= text.length; size++) {
    const reader = new StreamReader();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...reader.read(text.slice(at, at + size)));
    assert.deepEqual(events, wanted, `pieces of ${size}`);
  }
});

test('addresses: any of a relay\'s, with a base path, and a token that is none of a header', () => {
  assert.deepEqual(addressesOf('https://relay.example.com/base/relay/', 'a b', undefined), {
    socket: 'wss://relay.example.com/base/relay?agent_id=a+b', http: 'https://relay.example.com/base', query: { agent_id: 'a b' },
  });
  assert.equal(addressesOf('ws://127.0.0.1:8080', undefined, undefined).socket, 'ws://127.0.0.1:8080/relay');
  assert.throws(() => addressesOf('ftp://x', undefined, undefined), /no address of a relay/);
  assert.deepEqual([tokenProtocol('a.b-c_d'), tokenProtocol('a b/ü')], ['relay.token.a.b-c_d', 'relay.token64.YSBiL8O8']);
});
