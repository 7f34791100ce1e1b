import { createContext, createElement, useContext, useEffect, useState, useSyncExternalStore, type ReactElement, type ReactNode } from 'react';
import { RelayClient } from '../client.js';
import type { RelayOptions } from '../options.js';
import type { AnySchema, Schema, Status } from '../types.js';
import { optional } from '../wire/frames.js';

const Context = createContext<RelayClient | undefined>(undefined);
const IDLE: Status = Object.freeze({ phase: 'idle' });

export interface RelayProviderProps {
  /** A client of yours, which you close; or `url`, for one that the provider makes and closes. */
  readonly client?: RelayClient<never> | RelayClient;
  readonly url?: string;
  /** With `url`; read once. */
  readonly options?: RelayOptions;
  readonly children?: ReactNode;
}

/** Gives the components below it one connection. Nothing is connected before a component that is mounted asks for it, and on a server never. */
export function RelayProvider({ client, url, options, children }: RelayProviderProps): ReactElement {
  const [own] = useState(() => (client === undefined && url !== undefined ? new RelayClient(url, options) : undefined));
  const given = (client ?? own) as RelayClient | undefined;
  if (given === undefined) throw new Error('RelayProvider needs a client or a url');
  useEffect(() => (own ? keep(own) : undefined), [own]);
  return createElement(Context.Provider, { value: given }, children);
}

/** The client of the provider above. */
export function useRelay<S extends Schema = AnySchema>(): RelayClient<S> {
  const client = useContext(Context);
  if (client === undefined) throw new Error('useRelay and the hooks built on it need a RelayProvider above them');
  return client as unknown as RelayClient<S>;
}

/** What the connection does; `idle` on a server. */
export function useRelayStatus(client?: RelayClient): Status {
  const given = useRelay();
  const relay = client ?? given;
  return useSyncExternalStore(
    listener => relay.on('status', listener),
    () => relay.status,
    () => IDLE,
  );
}

/** A client that speaks as somebody else than the provider's, shared by all components that want the same, closed with the last of them. */
export function useRelayAs(wish: Pick<RelayOptions, 'agentId' | 'sessionId' | 'token'>): RelayClient {
  const base = useRelay();
  const client = isSpokenBy(base, wish) ? base : speaking(base, wish);
  useEffect(() => (client === base ? undefined : keep(client, () => forget(base, client))), [base, client]);
  return client;
}

// With a token the relay goes by its subject, whatever is said besides.
const isSpokenBy = ({ options }: RelayClient, { agentId, sessionId, token }: Pick<RelayOptions, 'agentId' | 'sessionId' | 'token'>): boolean =>
  token === undefined && (options.token !== undefined || ((agentId ?? options.agentId) === options.agentId && (sessionId ?? options.sessionId) === options.sessionId));

const families = new WeakMap<RelayClient, Map<string, RelayClient>>();
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

// Made in a render, it does nothing until somebody subscribes: one that is never mounted costs nothing.
function speaking(base: RelayClient, { agentId, sessionId, token }: Pick<RelayOptions, 'agentId' | 'sessionId' | 'token'>): RelayClient {
  const family = families.get(base) ?? new Map<string, RelayClient>();
  families.set(base, family);
  if (typeof token === 'function' && !numbers.has(token)) numbers.set(token, ++lastNumber);
  const key = JSON.stringify([agentId, sessionId, typeof token === 'function' ? numbers.get(token) : token]);
  const client = family.get(key) ?? base.with({ ...optional('agentId', agentId), ...optional('sessionId', sessionId), ...optional('token', token) });
  family.set(key, client);
  return client;
}

function forget(base: RelayClient, client: RelayClient): void {
  const family = families.get(base);
  for (const [key, one] of family ?? []) if (one === client) family!.delete(key);
}

const users = new WeakMap<RelayClient, number>();

// StrictMode unmounts and mounts again in one turn: the client is closed in the next one, unless somebody uses it by then.
function keep(client: RelayClient, onClose?: () => void): () => void {
  users.set(client, (users.get(client) ?? 0) + 1);
  return () => {
    users.set(client, users.get(client)! - 1);
    setTimeout(() => {
      if (users.get(client) !== 0 || client.status.phase === 'closed') return;
      onClose?.();
      client.close();
    }, 0);
  };
}
