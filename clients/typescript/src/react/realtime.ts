// The hooks of the context manager's dashboard, under their names and with what they took and gave.
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { RelayClient } from '../client.js';
import type { TokenSource } from '../options.js';
import type { RelayEvent } from '../types.js';
import { passes } from '../wire/names.js';
import { useLatest, useSubscription } from './channel.js';
import { useRelay, useRelayAs, useRelayStatus } from './context.js';
import { onNextFrame, Store } from './store.js';

/** The context manager's figures, as `metric.update` brings them every 5 s. */
export interface MetricSnapshot {
  readonly active_sessions: number;
  readonly active_agents: number;
  readonly pending_tasks: number;
  readonly running_tasks: number;
  readonly completed_tasks_last_hour: number;
  readonly messages_last_hour: number;
  readonly actions_per_minute: number;
  readonly avg_task_duration_ms: number;
  readonly timestamp: number;
}

export interface UseWebSocketOptions {
  readonly channels?: readonly string[];
  /** Speak as somebody else than the provider's client: over a connection of its own, which all who want the same share. */
  readonly agentId?: string;
  readonly sessionId?: string;
  readonly token?: TokenSource;
  readonly onEvent?: (event: RelayEvent) => void;
  /** Subscribe on mount (true). */
  readonly autoConnect?: boolean;
}

export interface UseWebSocketReturn {
  readonly connected: boolean;
  readonly connecting: boolean;
  readonly lastMessage: RelayEvent | null;
  readonly error: string | null;
  /** `publish` with `channel`, `event`, `data` (and `id`, `key`, `ttl`); `subscribe` and `unsubscribe` with `channel`. */
  send(type: string, data: Record<string, unknown>): void;
  subscribe(channel: string): void;
  unsubscribe(channel: string): void;
  reconnect(): void;
}

export function useWebSocket(options: UseWebSocketOptions = {}): UseWebSocketReturn {
  const { channels = [], onEvent, autoConnect = true } = options;
  const relay = useRelayAs(options);
  const status = useRelayStatus(relay);
  const [store] = useState(() => new Store<RelayEvent | null>(null));
  const lastMessage = useSyncExternalStore(store.subscribe, store.get, () => null);
  const [refusal, setRefusal] = useState<string | null>(null);
  const latest = useLatest(onEvent);
  const [more, setMore] = useState<ReadonlySet<string>>(new Set());
  const [less, setLess] = useState<ReadonlySet<string>>(new Set());
  const wanted = JSON.stringify([...new Set([...(autoConnect ? channels : []), ...more])].filter(channel => !less.has(channel)).sort());
  const isClosed = status.phase === 'closed';
  useSubscriptions(relay, wanted, isClosed, event => {
    store.set(event);
    latest.current?.(event);
  }, setRefusal);
  const subscribe = useCallback((channel: string) => {
    setMore(set => new Set(set).add(channel));
    setLess(set => without(set, channel));
  }, []);
  const unsubscribe = useCallback((channel: string) => {
    setMore(set => without(set, channel));
    setLess(set => new Set(set).add(channel));
  }, []);
  const send = useCallback((type: string, data: Record<string, unknown>) => {
    const { channel, event, data: payload, id, key, ttl } = data;
    if (type === 'publish') relay.publish(String(channel), String(event), payload, known({ id, key, ttl })).catch((error: Error) => setRefusal(error.message));
    else if (type === 'subscribe') subscribe(String(channel));
    else if (type === 'unsubscribe') unsubscribe(String(channel));
  }, [relay, subscribe, unsubscribe]);
  const reconnect = useCallback(() => relay.connect(), [relay]);
  return {
    connected: status.phase === 'online',
    connecting: status.phase === 'connecting' || status.phase === 'waiting',
    lastMessage,
    error: refusal ?? status.error?.message ?? null,
    send,
    subscribe,
    unsubscribe,
    reconnect,
  };
}

export interface UseRealtimeMetricsReturn {
  readonly metrics: MetricSnapshot | null;
  readonly connected: boolean;
  readonly error: string | null;
}

const METRICS = { last: 1, max: 1, filter: ['metric.update'] } as const;

/** The newest figures; the first at once, where the relay has one already. */
export function useRealtimeMetrics(): UseRealtimeMetricsReturn {
  const status = useRelayStatus();
  const { state } = useSubscription(useRelay(), 'metrics', METRICS);
  return { metrics: (state.last?.data as MetricSnapshot | undefined) ?? null, connected: status.phase === 'online', error: messageOf(state.error ?? status.error) };
}

export interface UseRealtimeEventsOptions {
  /** `['global']` when missing. */
  readonly channels?: readonly string[];
  /** Exact names, or prefixes such as `task.*`. */
  readonly eventTypes?: readonly string[];
  /** 100 when missing. */
  readonly maxEvents?: number;
}

export interface UseRealtimeEventsReturn {
  /** Newest first. */
  readonly events: readonly RelayEvent[];
  readonly connected: boolean;
  readonly error: string | null;
  clearEvents(): void;
}

const GLOBAL = ['global'] as const;

export function useRealtimeEvents({ channels = GLOBAL, eventTypes, maxEvents = 100 }: UseRealtimeEventsOptions = {}): UseRealtimeEventsReturn {
  const [list] = useState(() => new Newest(maxEvents));
  const types = useLatest(eventTypes);
  const onEvent = useCallback((event: RelayEvent) => {
    if (passes(types.current, event.event)) list.add(event);
  }, [list, types]);
  const { connected, error } = useWebSocket({ channels, onEvent });
  const events = useSyncExternalStore(list.subscribe, list.get, () => NONE);
  return { events, connected, error, clearEvents: list.clear };
}

export interface UseAgentChannelOptions {
  readonly agentId: string;
  readonly onMessage?: (event: RelayEvent) => void;
}

export interface UseAgentChannelReturn {
  readonly connected: boolean;
  /** The last 50 events `message.*`, oldest first. */
  readonly messages: readonly RelayEvent[];
  sendMessage(toAgent: string, content: unknown): void;
}

/** Speaks as an agent: hears its messages, and writes to others. */
export function useAgentChannel({ agentId, onMessage }: UseAgentChannelOptions): UseAgentChannelReturn {
  const [list] = useState(() => new Newest(50));
  const latest = useLatest(onMessage);
  const onEvent = useCallback((event: RelayEvent) => {
    if (!event.event.startsWith('message.')) return;
    list.add(event);
    latest.current?.(event);
  }, [list, latest]);
  const channels = useMemo(() => [`agents/${agentId}`], [agentId]);
  const { connected, send } = useWebSocket({ agentId, channels, onEvent });
  const newest = useSyncExternalStore(list.subscribe, list.get, () => NONE);
  const messages = useMemo(() => [...newest].reverse(), [newest]);
  const sendMessage = useCallback((toAgent: string, content: unknown) => {
    send('publish', { channel: `agents/${toAgent}`, event: 'message.new', data: { from_agent: agentId, to_agent: toAgent, content } });
  }, [agentId, send]);
  return { connected, messages, sendMessage };
}

// Only what changed is subscribed to or left: the others miss nothing.
function useSubscriptions(relay: RelayClient, wanted: string, isClosed: boolean, onEvent: (event: RelayEvent) => void, onRefusal: (text: string | null) => void): void {
  const latest = useLatest(onEvent);
  const held = useRef(new Map<string, () => void>());
  useEffect(() => {
    const channels = new Set(isClosed ? [] : (JSON.parse(wanted) as string[]));
    for (const [channel, leave] of held.current) {
      if (channels.has(channel)) continue;
      leave();
      held.current.delete(channel);
    }
    for (const channel of channels) {
      if (held.current.has(channel)) continue;
      const subscription = relay.subscribe(channel, event => latest.current(event), { onSubscribed: () => onRefusal(null), onError: error => onRefusal(error.message) });
      held.current.set(channel, subscription.unsubscribe);
    }
  }, [relay, wanted, isClosed, latest, onRefusal]);
  useEffect(() => {
    const all = held.current;
    return () => {
      for (const leave of all.values()) leave();
      all.clear();
    };
  }, [relay]);
}

const NONE: readonly RelayEvent[] = [];

/** The newest events, newest first; put together once per frame. */
class Newest extends Store<readonly RelayEvent[]> {
  #incoming: RelayEvent[] = [];

  constructor(private readonly max: number) {
    super(NONE);
  }

  add(event: RelayEvent): void {
    if (this.#incoming.push(event) === 1) onNextFrame(() => this.#takeIn());
    else if (this.#incoming.length > 2 * this.max) this.#incoming.splice(0, this.max);
  }

  readonly clear = (): void => {
    this.#incoming = [];
    this.set(NONE);
  };

  #takeIn(): void {
    if (this.#incoming.length > 0) this.set([...this.#incoming.reverse(), ...this.get()].slice(0, this.max));
    this.#incoming = [];
  }
}

const messageOf = (error: Error | undefined): string | null => error?.message ?? null;

const without = (set: ReadonlySet<string>, one: string): ReadonlySet<string> => new Set([...set].filter(other => other !== one));

const known = (options: Record<string, unknown>): object => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
