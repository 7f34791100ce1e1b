// Against a relay that says what a real one does not, or not on demand.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocketServer, type WebSocket } from 'ws';
import type { RelayEvent } from '@actorrelay/client';
import { clientOf } from './support/setup.js';
import { Seen, status } from './support/until.js';

type Frame = { type: string; id: string; channel?: string; session?: string; positions?: object };

/** A server that greets, answers by `answer`, and tells each connection to the test. */
async function scripted(t: TestContext, answer: (frame: Frame, socket: WebSocket) => object | undefined): Promise<{ url: string; sockets: Seen<WebSocket>; frames: Seen<Frame> }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'relay.v1' });
  await once(server, 'listening');
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const sockets = new Seen<WebSocket>();
  const frames = new Seen<Frame>();
  server.on('connection', socket => {
    socket.on('message', data => {
      const frame = JSON.parse(String(data)) as Frame;
      frames.add(frame);
      const said = answer(frame, socket);
      if (said) socket.send(JSON.stringify({ id: frame.id, success: true, ...said }));
    });
    socket.send(JSON.stringify({ type: 'connected', client_id: `c${sockets.items.length}`, session: `s${sockets.items.length}`, ping_interval_ms: 25_000, max_frame_bytes: 1_000 }));
    sockets.add(socket);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, frames };
}

const event = (offset: number, data: unknown = offset): string => JSON.stringify({ id: 'e', channel: 'topics/x', event: 'n', data, timestamp: 1, epoch: 'e1', offset });
const subscribed = (frame: Frame): object | undefined => (frame.type === 'subscribe' ? { type: 'ack', epoch: 'e1', offset: 0 } : undefined);

test('20 Garbage: frames that are none change nothing, and pollute nothing', async t => {
  const relay = await scripted(t, subscribed);
  const client = clientOf(t, relay.url);
  const errors = new Seen<Error>();
  client.on('error', errors.add);
  const seen = new Seen<RelayEvent>();
  await client.subscribe('topics/x', seen.add).ready;
  const socket = relay.sockets.items[0]!;
  for (const text of ['garbage', '[]', 'null', '""', '{"type":"ack"}', '{"type":"gap","channel":1}', '{"type":"join"}', '{"event":"n"}', '{"type":"history","id":"x","events":7}']) socket.send(text);
  socket.send(Buffer.from([0, 255]));
  socket.send('{"type":"made.up","channel":"topics/x"}');
  socket.send('{"error":"Something","code":"PARSE_ERROR","timestamp":1}');
  socket.send('{"type":"ack","id":"__proto__","success":true}');
  socket.send('{"id":"e","channel":"__proto__","event":"n","data":1,"epoch":"e","offset":1}');
  socket.send('{"id":"e","channel":"topics/x","event":"n","data":{"__proto__":{"polluted":1},"a":{"\\u005f_proto__":{"polluted":1}},"constructor":{"prototype":{"polluted":1}},"n":1},"timestamp":1,"epoch":"e1","offset":1}');
  socket.send(event(2));
  await seen.some(one => one.data === 2);
  const copy = Object.assign({}, seen.items[0]!.data as object) as { polluted?: number; a: object; n: number };
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.equal(copy.polluted, undefined);
  assert.deepEqual(Object.keys(copy), ['a', 'constructor', 'n']);
  assert.deepEqual(Object.keys(copy.a), []);
  assert.equal(seen.items.length, 2);
  assert.equal(client.status.phase, 'online');
  assert.ok(errors.items.length >= 8);
});

test('A planned reconnect is followed at its instant, with the session and the position', async t => {
  const relay = await scripted(t, frame => (frame.type === 'resume' ? { type: 'ack', session: frame.session, client_id: 'c0', channels: [{ channel: 'topics/x', epoch: 'e1', offset: 2, recovered: true }] } : subscribed(frame)));
  const client = clientOf(t, relay.url);
  const seen = new Seen<RelayEvent>();
  await client.subscribe('topics/x', seen.add).ready;
  const [first] = relay.sockets.items;
  const closed = once(first!, 'close');
  first!.send('{"type":"reconnect","after_ms":50,"reason":"drain"}');
  first!.send(event(1));
  await relay.sockets.count(2);
  await closed;
  const resume = await relay.frames.some(frame => frame.type === 'resume');
  assert.deepEqual([resume.session, resume.positions], ['s0', { 'topics/x': { epoch: 'e1', offset: 1 } }]);
  // In one piece with its answer, and once more.
  await status(client, 'online');
  for (const n of [1, 2, 2, 3]) relay.sockets.items[1]!.send(event(n));
  await seen.count(3);
  assert.deepEqual(seen.items.map(one => one.data), [1, 2, 3]);
});

test('A session that is on its way is asked for again, one that is gone is begun anew from the positions', async t => {
  let resumes = 0;
  const relay = await scripted(t, frame =>
    frame.type !== 'resume' ? subscribed(frame)
    : ++resumes === 1 ? { type: 'ack', success: false, code: 'UNAVAILABLE', error: 'on its way', retry_after_ms: 5 }
    : { type: 'ack', success: false, code: 'SESSION_NOT_FOUND', error: 'gone' });
  const client = clientOf(t, relay.url);
  const seen = new Seen<RelayEvent>();
  await client.subscribe('topics/x', seen.add).ready;
  relay.sockets.items[0]!.send(event(7));
  await seen.count(1);
  relay.sockets.items[0]!.terminate();
  const again = await relay.frames.some(frame => 'since' in frame);
  assert.deepEqual((again as unknown as { since: object }).since, { epoch: 'e1', offset: 7 });
  assert.equal(resumes, 2);
});

test('A publish that the relay puts off is repeated, and what stands behind it waits', async t => {
  const tries: string[] = [];
  const relay = await scripted(t, frame => {
    if (frame.type !== 'publish') return undefined;
    tries.push(frame.id);
    return tries.length === 1 ? { type: 'ack', success: false, code: 'UNAVAILABLE', error: 'moving', retry_after_ms: 5 } : { type: 'ack', epoch: 'e1', offset: tries.length };
  });
  const client = clientOf(t, relay.url);
  const accepted = await client.publish('topics/x', 'n', 1, { id: 'a' });
  assert.deepEqual([tries, accepted.offset], [['a', 'a'], 2]);
});

test('A connection that was taken over elsewhere ends, and says so', async t => {
  const relay = await scripted(t, subscribed);
  const client = clientOf(t, relay.url);
  const subscription = client.subscribe('topics/x', () => undefined);
  await subscription.ready;
  relay.sockets.items[0]!.close(4409, 'Session resumed by another connection');
  const { error } = await status(client, 'closed');
  assert.match(error?.message ?? '', /4409: Session resumed/);
});

test('What a listener throws is told and stops nothing', async t => {
  const relay = await scripted(t, subscribed);
  const client = clientOf(t, relay.url);
  const errors = new Seen<Error>();
  client.on('error', errors.add);
  const seen = new Seen<RelayEvent>();
  client.subscribe('topics/x', () => { throw new Error('mine'); });
  await client.subscribe('topics/x', seen.add).ready;
  relay.sockets.items[0]!.send(event(1));
  await seen.count(1);
  assert.equal(errors.items[0]?.message, 'mine');
});

test('A subscription asked for and given up in one turn is one frame', async t => {
  const relay = await scripted(t, subscribed);
  const client = clientOf(t, relay.url);
  client.connect();
  await status(client, 'online');
  client.subscribe('topics/x', () => undefined).unsubscribe();
  const second = client.subscribe('topics/x', () => undefined);
  await second.ready;
  assert.deepEqual(relay.frames.items.filter(frame => frame.channel === 'topics/x').map(frame => frame.type), ['subscribe']);
  second.unsubscribe();
  await relay.frames.some(frame => frame.type === 'unsubscribe' && frame.channel === 'topics/x');
});

test('who takes a subscription over in the turn in which the last one leaves it gets its past and its answer', async t => {
  const relay = await scripted(t, frame => (frame.type === 'history' ? { type: 'history', channel: 'topics/x', epoch: 'e1', offset: 2, events: [JSON.parse(event(2))] } : subscribed(frame)));
  const client = clientOf(t, relay.url);
  const first = client.subscribe('topics/x', () => undefined);
  await first.ready;
  for (const n of [1, 2]) relay.sockets.items[0]!.send(event(n));
  const seen = new Seen<RelayEvent>();
  first.unsubscribe();
  const second = client.subscribe('topics/x', seen.add, { last: 1 });
  assert.equal((await second.ready).recovered, true);
  relay.sockets.items[0]!.send(event(3));
  await seen.count(2);
  assert.deepEqual(seen.items.map(one => one.data), [2, 3]);
  const third = client.subscribe('topics/x', () => undefined);
  second.unsubscribe();
  assert.equal((await third.ready).again, false);
});

test('a resume fits into a frame; channels it has no room for are caught up from the history', async t => {
  const channels = Array.from({ length: 20 }, (_, i) => `topics/x${i}`);
  const relay = await scripted(t, frame =>
    frame.type === 'subscribe' ? { type: 'ack', epoch: 'e1', offset: 1 }
    : frame.type === 'history' ? { type: 'history', channel: frame.channel, epoch: 'e1', offset: 2, recovered: true, events: [{ id: 'e', channel: frame.channel, event: 'n', data: 2, epoch: 'e1', offset: 2 }] }
    : frame.type === 'resume' ? { type: 'ack', session: 's0', client_id: 'c0', channels: channels.map(channel => ({ channel, epoch: 'e1', offset: 2, recovered: channel in frame.positions! })) }
    : undefined);
  const client = clientOf(t, relay.url);
  const seen = new Seen<RelayEvent>();
  await Promise.all(channels.map(channel => client.subscribe(channel, seen.add).ready));
  relay.sockets.items[0]!.terminate();
  const resume = await relay.frames.some(frame => frame.type === 'resume');
  const sent = Object.keys(resume.positions!);
  assert.ok(JSON.stringify(resume).length <= 1_000 && sent.length > 5 && sent.length < 20);
  await seen.count(20 - sent.length);
  assert.deepEqual(seen.items.map(one => one.channel).sort(), channels.filter(channel => !sent.includes(channel)).sort());
});

test('without a WebSocket event streams are used at once, and closing twice is closing once', async t => {
  const own = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
  if (own) Reflect.deleteProperty(globalThis, 'WebSocket');
  t.after(() => own && Object.defineProperty(globalThis, 'WebSocket', own));
  const tried: string[] = [];
  const client = clientOf(t, 'http://127.0.0.1:1', { transport: undefined as never, WebSocket: undefined as never, fetch: async url => { tried.push(url); throw new TypeError('no network'); } });
  const phases: string[] = [];
  client.on('status', one => phases.push(`${one.phase} ${one.transport ?? ''}`));
  client.connect();
  await status(client, 'waiting');
  client.close();
  client.close();
  assert.deepEqual(phases, ['connecting sse', 'waiting ', 'closed ']);
  assert.equal(tried[0], 'http://127.0.0.1:1/api/v1/history?channel=global&limit=1');
});
