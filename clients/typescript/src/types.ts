/** Where an event stands in its channel: offsets count up by one within an epoch; a new epoch means that the channel's memory began anew. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** An event as it came. Events of channels without positions (none today) have no `epoch` and `offset`. */
export interface RelayEvent<E extends string = string, D = unknown> {
  readonly id: string;
  readonly channel: string;
  readonly event: E;
  /** What the publisher sent; `undefined` when it sent nothing. Members named `__proto__` are left out. */
  readonly data: D;
  /** Milliseconds since 1970 at which the relay accepted it. */
  readonly timestamp: number;
  readonly epoch?: string;
  readonly offset?: number;
  /** Key of conflation and last values, where the publisher set one. */
  readonly key?: string;
}

/**
 * What a program's channels carry: channel (or template literal) to event to payload. For example
 * `{ 'topics/deploy': { 'deploy.done': { version: string } }; [user: `users/${string}`]: { note: { text: string } } }`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export type Schema = {};

/** Any channel, any event, payloads unknown: what a client without a schema has. */
export type AnySchema = { [channel: string]: { [event: string]: unknown } };

export type ChannelOf<S extends Schema> = keyof S & string;
export type EventNameOf<S extends Schema, C extends ChannelOf<S>> = keyof S[C] & string;

/** The events of a channel, told apart by their name. */
export type EventOf<S extends Schema, C extends ChannelOf<S>> = { [E in EventNameOf<S, C>]: RelayEvent<E, S[C][E]> }[EventNameOf<S, C>];

/** Events of a channel that are missing and will not come. Without `from` and `to`: how many, and which, is not known. */
export interface Gap {
  readonly channel: string;
  readonly epoch?: string;
  readonly from?: number;
  readonly to?: number;
}

/** One connection of a channel's presence. */
export interface Member {
  readonly clientId: string;
  readonly userId: string | null;
}

export interface PresenceChange extends Member {
  readonly type: 'join' | 'leave';
  readonly channel: string;
  readonly timestamp: number;
}

/** Who is on a channel: at most 1000 `members`, `count` of all connections, `users` of all distinct users. */
export interface PresenceAnswer {
  readonly channel: string;
  readonly members: readonly Member[];
  readonly count: number;
  readonly users: number;
}

/** That a subscription stands. `recovered` is false when something before it could not be had again; absent when nothing was asked for. */
export interface Subscribed {
  readonly channel: string;
  readonly position?: Position;
  readonly recovered?: boolean;
  /** True from the second time on: after a reconnect. */
  readonly again: boolean;
}

export interface SubscribeOptions {
  /** Begin behind this position. */
  readonly since?: Position;
  /** Begin with the first event accepted at that time or later: milliseconds since 1970, or a date. */
  readonly sinceTime?: number | Date;
  /** Begin with the newest so many. */
  readonly last?: number;
  /** Begin with the newest event of each key. */
  readonly lastPerKey?: boolean;
  /** Be a member of the channel and hear of others; `'user'`: only of a user's first connection and last leave. */
  readonly presence?: boolean | 'connection' | 'user';
  /** Only these events: `*`, a prefix `task.*`, or exact names. */
  readonly filter?: readonly string[];
  /** Events are missing and will not come. What the relay still has was fetched and delivered before this is called. */
  readonly onGap?: (gap: Gap) => void;
  readonly onPresence?: (change: PresenceChange) => void;
  /** The subscription stands: the first time, and after every reconnect. */
  readonly onSubscribed?: (subscribed: Subscribed) => void;
  /** It was refused, now or after a reconnect, and has ended. */
  readonly onError?: (error: Error) => void;
}

export interface Subscription {
  readonly channel: string;
  /** Settles when the relay answered the first time. Rejections need not be caught: `onError` is told as well. */
  readonly ready: Promise<Subscribed>;
  /** No event comes after this returns. */
  unsubscribe(): void;
}

export interface PublishOptions {
  /** Idempotency key, at most 256 bytes: a repeat within the relay's window is accepted once. Made up when missing. */
  readonly id?: string;
  /** Conflation and last value. */
  readonly key?: string;
  /** Milliseconds after which it is no longer delivered. */
  readonly ttl?: number;
  /** Accept it only while the newest event of `key` stands there; `0` or `null`: only when there is none. */
  readonly ifVersion?: Position | number | null;
  /** W3C Trace Context. */
  readonly traceparent?: string;
  /** Give up after so many milliseconds; it may have been accepted all the same once it was sent. Default: wait as long as it takes. */
  readonly timeoutMs?: number;
}

export interface Published extends Position {
  readonly channel: string;
  readonly id: string;
  /** True when an earlier publish under this id was accepted; the position is that one's. */
  readonly duplicate: boolean;
  readonly subscribers: number;
}

export interface HistoryOptions {
  readonly limit?: number;
  readonly since?: Position;
  /** Last offset wanted, with `since`. */
  readonly until?: number;
  readonly sinceTime?: number | Date;
  readonly lastPerKey?: boolean;
  readonly key?: string;
}

/** Stored events, oldest first, at most 1 MiB of them: ask again with `since` of the last. */
export interface HistoryAnswer {
  readonly channel: string;
  /** Where the channel stands now. */
  readonly position?: Position;
  /** Asked by position or time: whether nothing of it is missing. */
  readonly recovered?: boolean;
  readonly events: readonly RelayEvent[];
}

export type Phase = 'idle' | 'connecting' | 'online' | 'waiting' | 'closed';

/** What the connection does. A new object with every change, never changed itself. */
export interface Status {
  readonly phase: Phase;
  readonly transport?: 'websocket' | 'sse';
  readonly node?: string;
  readonly clientId?: string;
  /** `waiting`: when it is tried again, milliseconds since 1970. */
  readonly retryAt?: number;
  /** `waiting`: tries since it was online for a while. */
  readonly attempt?: number;
  /** Why it is not online, where that is known. */
  readonly error?: Error;
}
