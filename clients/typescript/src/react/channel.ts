import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { RelayClient } from '../client.js';
import type { AnySchema, ChannelOf, EventNameOf, EventOf, Gap, Published, PublishOptions, RelayEvent, Schema, Subscribed, SubscribeOptions } from '../types.js';
import { useRelay, useRelayStatus } from './context.js';
import { onNextFrame, Store } from './store.js';

export type ChannelPhase = 'idle' | 'subscribing' | 'subscribed' | 'refused';

export interface UseChannelOptions<E extends RelayEvent = RelayEvent> extends Pick<SubscribeOptions, 'since' | 'sinceTime' | 'last' | 'lastPerKey' | 'presence' | 'filter' | 'onPresence' | 'onSubscribed'> {
  /** Events kept for rendering, the newest (100). */
  readonly max?: number;
  /** Every event, at once; those kept for rendering come with the next frame. */
  readonly onEvent?: (event: E) => void;
  readonly onGap?: (gap: Gap) => void;
}

export interface ChannelState<E extends RelayEvent = RelayEvent> {
  readonly phase: ChannelPhase;
  /** Oldest first. */
  readonly events: readonly E[];
  readonly last: E | undefined;
  /** The newest gap: events that will not come. */
  readonly gap: Gap | undefined;
  readonly error: Error | undefined;
}

export interface UseChannelReturn<S extends Schema, C extends ChannelOf<S>> extends ChannelState<EventOf<S, C> & RelayEvent> {
  readonly connected: boolean;
  publish<E extends EventNameOf<S, C>>(event: E, data?: S[C][E], options?: PublishOptions): Promise<Published>;
  clear(): void;
}

const EMPTY: ChannelState = Object.freeze({ phase: 'idle', events: [], last: undefined, gap: undefined, error: undefined });

/** Subscribes while the component is mounted; null subscribes to nothing. */
export function useChannel<S extends Schema = AnySchema, C extends ChannelOf<S> = ChannelOf<S>>(
  channel: C | null,
  options: UseChannelOptions<EventOf<S, C> & RelayEvent> = {},
): UseChannelReturn<S, C> {
  const relay = useRelay<S>();
  const status = useRelayStatus();
  const { state, clear } = useSubscription(relay as unknown as RelayClient, channel, options as unknown as UseChannelOptions);
  const publish = useCallback(
    <E extends EventNameOf<S, C>>(event: E, data?: S[C][E], more?: PublishOptions) => relay.publish(channel!, event, data, more),
    [relay, channel],
  );
  return { ...(state as ChannelState<EventOf<S, C> & RelayEvent>), connected: status.phase === 'online', publish, clear };
}

/** As {@link useChannel}, over a client that is given. */
export function useSubscription(relay: RelayClient, channel: string | null, options: UseChannelOptions): { state: ChannelState; clear: () => void } {
  const [store] = useState(() => new ChannelStore(options.max ?? 100));
  const state = useSyncExternalStore(store.subscribe, store.get, () => EMPTY);
  const latest = useLatest(options);
  const isClosed = useRelayStatus(relay).phase === 'closed';
  const { since, sinceTime, last, lastPerKey, presence, filter } = options;
  const wish = JSON.stringify([since, sinceTime, last, lastPerKey, presence, filter]);
  useEffect(() => {
    if (channel === null || isClosed) return undefined;
    store.begin();
    const [since, sinceTime, last, lastPerKey, presence, filter] = JSON.parse(wish) as (unknown | null)[];
    const wishes = { since, sinceTime, last, lastPerKey, presence, filter };
    const subscription = relay.subscribe(
      channel,
      event => {
        latest.current.onEvent?.(event);
        store.add(event);
      },
      {
        ...(Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== null)) as SubscribeOptions),
        onGap: gap => {
          store.change({ gap });
          latest.current.onGap?.(gap);
        },
        onPresence: change => latest.current.onPresence?.(change),
        onSubscribed: (subscribed: Subscribed) => {
          store.change({ phase: 'subscribed', error: undefined });
          latest.current.onSubscribed?.(subscribed);
        },
        onError: error => store.change({ phase: 'refused', error }),
      },
    );
    return () => subscription.unsubscribe();
  }, [relay, channel, wish, isClosed, store, latest]);
  return { state, clear: store.clear };
}

/** The latest value, for callbacks that are called later than the render that made them. */
export function useLatest<T>(value: T): { readonly current: T } {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

/** The newest events of a channel. They are put together once per frame: not for each event is a list made. */
class ChannelStore extends Store<ChannelState> {
  #incoming: RelayEvent[] = [];

  constructor(private readonly max: number) {
    super(EMPTY);
  }

  begin(): void {
    this.#incoming = [];
    this.set({ ...EMPTY, phase: 'subscribing' });
  }

  add(event: RelayEvent): void {
    if (this.#incoming.push(event) === 1) onNextFrame(() => this.#takeIn());
    // In pages that are not seen frames are rare.
    else if (this.#incoming.length > 2 * this.max) this.#incoming.splice(0, this.max);
  }

  change(change: Partial<ChannelState>): void {
    this.#takeIn();
    this.update(change);
  }

  readonly clear = (): void => {
    this.#incoming = [];
    this.update({ events: [], last: undefined, gap: undefined });
  };

  #takeIn(): void {
    if (this.#incoming.length === 0) return;
    const events = [...this.get().events, ...this.#incoming].slice(-this.max);
    this.#incoming = [];
    this.update({ events, last: events[events.length - 1] });
  }
}
