// The hooks under StrictMode in a page, against a real node, and rendered on a server.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { StrictMode, createElement, useState, type ReactNode } from 'react';
import { WebSocket } from 'ws';
import { RelayClient, type RelayEvent } from '@actorrelay/client';
import { RelayProvider, useAgentChannel, useChannel, usePresence, useRealtimeEvents, useRealtimeMetrics, useRelay, useRelayStatus, useSession, useWebSocket } from '@actorrelay/client/react';
import { reduce } from '../src/react/session.js';
import { becomePage } from './support/dom.js';
import { startNode, type RelayNode } from './support/node.js';
import { Proxy } from './support/proxy.js';
import { clientOf } from './support/setup.js';

becomePage();
const { act, cleanup, render, renderHook, screen, waitFor } = await import('@testing-library/react');
const { renderToString } = await import('react-dom/server');

let node: RelayNode;
let proxy: Proxy;
before(async () => {
  node = await startNode({ 'Metrics:Interval': '1s' });
  proxy = await Proxy.to(node.port);
});
afterEach(() => cleanup());
after(async () => {
  await proxy.close();
  await node.kill();
});

const options = { WebSocket, reconnect: { baseMs: 20, maxMs: 200 } };
const App = ({ children }: { children?: ReactNode }): ReactNode => (
  <StrictMode>
    <RelayProvider url={proxy.url} options={options}>
      {children}
    </RelayProvider>
  </StrictMode>
);

const eventually = <T,>(look: () => T | Promise<T>): Promise<T> => waitFor(look, { timeout: 20_000, interval: 20 });

async function subscribers(channel: string): Promise<number> {
  const { channelStats } = (await (await fetch(`${node.url}/stats`)).json()) as { channelStats: Record<string, number> };
  return channelStats[channel] ?? 0;
}

test('useChannel shows what comes, once, publishes, and leaves nothing behind', async () => {
  const heard: RelayEvent[] = [];
  const { result, unmount } = renderHook(() => useChannel('topics/page', { onEvent: event => heard.push(event) }), { wrapper: App });
  await eventually(() => assert.equal(result.current.phase, 'subscribed'));
  assert.equal(await subscribers('topics/page'), 1);
  await act(() => result.current.publish('n', { n: 1 }));
  await eventually(() => assert.deepEqual(result.current.events.map(event => event.data), [{ n: 1 }]));
  assert.equal(heard.length, 1);
  assert.equal(result.current.connected, true);
  act(() => result.current.clear());
  await eventually(() => assert.equal(result.current.last, undefined));
  unmount();
  await eventually(async () => assert.equal(await subscribers('topics/page'), 0));
});

test('two components on one channel share a subscription, and go on across a cut', async t => {
  const publisher = clientOf(t, node.url);
  const List = ({ name }: { name: string }): ReactNode => {
    const { events } = useChannel('topics/shared', { max: 50 });
    return <p data-testid={name}>{events.map(event => String(event.data)).join(',')}</p>;
  };
  render(
    <App>
      <List name="a" />
      <List name="b" />
    </App>,
  );
  await eventually(async () => assert.equal(await subscribers('topics/shared'), 1));
  await publisher.publish('topics/shared', 'n', 1);
  await eventually(() => assert.equal(screen.getByTestId('b').textContent, '1'));
  proxy.cut();
  await publisher.publish('topics/shared', 'n', 2);
  await eventually(() => assert.deepEqual([screen.getByTestId('a').textContent, screen.getByTestId('b').textContent], ['1,2', '1,2']));
});

test('another channel takes the place of the first, null of none', async t => {
  const publisher = clientOf(t, node.url);
  const { result, rerender } = renderHook(({ channel }: { channel: string | null }) => useChannel(channel), { wrapper: App, initialProps: { channel: 'topics/one' as string | null } });
  await eventually(() => assert.equal(result.current.phase, 'subscribed'));
  rerender({ channel: 'topics/two' });
  await eventually(async () => assert.deepEqual([await subscribers('topics/one'), await subscribers('topics/two')], [0, 1]));
  await publisher.publish('topics/two', 'n', 2);
  await eventually(() => assert.equal(result.current.last?.channel, 'topics/two'));
  rerender({ channel: null });
  await eventually(async () => assert.equal(await subscribers('topics/two'), 0));
});

test('usePresence shows who is there, and useChannel beside it hears events', async t => {
  const { result } = renderHook(() => ({ presence: usePresence('topics/room'), channel: useChannel('topics/room') }), { wrapper: App });
  await eventually(() => assert.equal(result.current.presence.count, 1));
  const other = clientOf(t, node.url, { agentId: 'bert' });
  await other.subscribe('topics/room', () => undefined, { presence: true }).ready;
  await eventually(() => assert.deepEqual([result.current.presence.count, result.current.presence.members.some(member => member.userId === 'bert')], [2, true]));
  await other.publish('topics/room', 'n', 1);
  await eventually(() => assert.equal(result.current.channel.last?.data, 1));
  other.close();
  await eventually(() => assert.equal(result.current.presence.count, 1));
});

test('usePresence alone hears of presence only, and across a cut', async t => {
  const { result } = renderHook(() => usePresence('topics/alone'), { wrapper: App });
  await eventually(() => assert.equal(result.current.count, 1));
  proxy.cut();
  const other = clientOf(t, node.url);
  await other.subscribe('topics/alone', () => undefined, { presence: true }).ready;
  await eventually(() => assert.deepEqual([result.current.count, result.current.error], [2, undefined]));
});

test('useWebSocket gives what the dashboard\'s hook gave', async () => {
  const heard: RelayEvent[] = [];
  const { result } = renderHook(() => useWebSocket({ channels: ['topics/ws'], onEvent: event => heard.push(event) }), { wrapper: App });
  await eventually(async () => assert.equal(await subscribers('topics/ws'), 1));
  act(() => result.current.send('publish', { channel: 'topics/ws', event: 'n', data: 1 }));
  await eventually(() => assert.equal(result.current.lastMessage?.data, 1));
  act(() => result.current.subscribe('topics/ws2'));
  await eventually(async () => assert.equal(await subscribers('topics/ws2'), 1));
  act(() => result.current.unsubscribe('topics/ws'));
  await eventually(async () => assert.equal(await subscribers('topics/ws'), 0));
  assert.deepEqual([result.current.connected, result.current.connecting, heard.length], [true, false, 1]);
  act(() => result.current.send('publish', { channel: 'nonsense', event: 'n' }));
  await eventually(() => assert.match(result.current.error ?? '', /Invalid channel/));
});

test('useRealtimeMetrics and useRealtimeEvents', async t => {
  const publisher = clientOf(t, node.url);
  const { result } = renderHook(() => ({ metrics: useRealtimeMetrics(), events: useRealtimeEvents({ eventTypes: ['task.*'], maxEvents: 2 }) }), { wrapper: App });
  await eventually(() => assert.equal(typeof result.current.metrics.metrics?.active_agents, 'number'));
  await eventually(() => assert.equal(result.current.events.connected, true));
  for (const n of [1, 2, 3]) await publisher.publish('global', n === 2 ? 'note' : 'task.created', n);
  await publisher.publish('global', 'task.completed', 4);
  await eventually(() => assert.deepEqual(result.current.events.events.map(event => event.data), [4, 3]));
  act(() => result.current.events.clearEvents());
  await eventually(() => assert.equal(result.current.events.events.length, 0));
});

test('useAgentChannel speaks as the agent', async () => {
  const { result, unmount } = renderHook(() => ({ anna: useAgentChannel({ agentId: 'anna' }), bert: useAgentChannel({ agentId: 'bert' }) }), { wrapper: App });
  await eventually(async () => assert.deepEqual([await subscribers('agents/anna'), await subscribers('agents/bert')], [1, 1]));
  act(() => result.current.anna.sendMessage('bert', 'hello'));
  await eventually(() => assert.deepEqual(result.current.bert.messages.map(message => message.data), [{ from_agent: 'anna', to_agent: 'bert', content: 'hello' }]));
  assert.equal(result.current.anna.messages.length, 0);
  unmount();
  await eventually(async () => assert.equal(await subscribers('agents/bert'), 0));
});

test('useSession holds a conversation with the agent', async t => {
  const { result } = renderHook(() => useSession(), { wrapper: App });
  let id = '';
  await act(async () => void (id = await result.current.create()));
  await eventually(async () => assert.equal(await subscribers(`sessions/${id}`), 1));
  await act(() => result.current.send('Hi'));
  await eventually(() => assert.deepEqual(result.current.messages.map(line => [line.role, line.name, line.content]), [['user', undefined, 'Hi'], ['agent', 'EchoAgent', 'Received: Hi']]));
  assert.equal(result.current.isWaiting, false);
  act(() => result.current.setTyping(true));
  await clientOf(t, node.url).publish(`sessions/${id}`, 'typing', { is_typing: true });
  await eventually(() => assert.equal(result.current.isTyping, true));
  await act(() => result.current.end());
  await act(() => assert.rejects(result.current.send(''), { name: 'RelayError' }));
  assert.ok(result.current.error);
});

test('a conversation is what its events make of it', () => {
  const said = (event: string, data: unknown): RelayEvent => ({ id: event, channel: 'sessions/1', event, data, timestamp: 1 });
  const start = { messages: [], partial: '', progress: undefined, isWaiting: false, isTyping: false, failure: undefined };
  const asked = [said('typing', { is_typing: true }), said('chat_message', { content: 'Why?' }), said('agent_progress', { step: 1 }), said('agent_chunk', { content: 'Be' }), said('agent_chunk', { content: 'cause' })]
    .reduce((so, event) => reduce(so, event, 'me'), start as ReturnType<typeof reduce>);
  assert.deepEqual([asked.partial, asked.progress, asked.isWaiting, asked.isTyping], ['Because', { step: 1 }, true, false]);
  const answered = reduce(asked, said('agent_response', { agent_name: 'A', content: 'Because' }));
  assert.deepEqual([answered.messages.map(line => line.content), answered.partial, answered.isWaiting], [['Why?', 'Because'], '', false]);
  assert.equal(reduce(asked, said('error', { code: 'TIMEOUT', message: 'No answer' })).failure, 'No answer');
  assert.equal(reduce(start, said('typing', { is_typing: true, from: 'me' }), 'me').isTyping, false);
});

test('on a server everything renders, and nothing is connected', () => {
  const relay = new RelayClient('http://127.0.0.1:1', { WebSocket });
  const Page = (): ReactNode => {
    const status = useRelayStatus();
    const { events } = useChannel('topics/ssr', { last: 5 });
    const { count } = usePresence('topics/ssr');
    const { metrics } = useRealtimeMetrics();
    const { events: all } = useRealtimeEvents();
    const { messages } = useAgentChannel({ agentId: 'a' });
    const session = useSession('s1');
    const { connected } = useWebSocket();
    return <p>{[status.phase, events.length, count, metrics === null, all.length, messages.length, session.messages.length, connected].join(' ')}</p>;
  };
  assert.equal(renderToString(<RelayProvider client={relay}><Page /></RelayProvider>), '<p>idle 0 0 true 0 0 0 false</p>');
  assert.equal(relay.status.phase, 'idle');
});

test('a provider\'s own client is closed when it is gone, a given one is left alone', async t => {
  const given = clientOf(t, node.url);
  let own: RelayClient | undefined;
  const Take = (): ReactNode => {
    own = useRelay();
    const [, setN] = useState(0);
    useChannel('topics/life', { onEvent: () => setN(n => n + 1) });
    return null;
  };
  const first = render(<App><Take /></App>);
  await eventually(() => assert.equal(own?.status.phase, 'online'));
  first.unmount();
  await eventually(() => assert.equal(own?.status.phase, 'closed'));
  const second = render(<StrictMode><RelayProvider client={given}><Take /></RelayProvider></StrictMode>);
  await eventually(() => assert.equal(given.status.phase, 'online'));
  second.unmount();
  await given.publish('topics/life', 'n', 1);
  assert.equal(given.status.phase, 'online');
});

test('without a provider the hooks say what is missing', () => {
  const Alone = (): ReactNode => createElement('p', null, useRelay().status.phase);
  assert.throws(() => renderToString(<Alone />), /need a RelayProvider/);
});
