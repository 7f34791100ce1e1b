import { optional } from './wire/frames.js';

/** The addresses of one relay, from its base: `http(s)://host:port/base` or the same with `ws(s)`, with or without `/relay` at the end. */
export interface Addresses {
  readonly socket: string;
  /** Of the HTTP API and event streams, without a slash at the end. */
  readonly http: string;
  /** `agent_id` and `session_id`, ready for a query. */
  readonly query: Readonly<Record<string, string>>;
}

export function addressesOf(url: string | URL, agentId: string | undefined, sessionId: string | undefined): Addresses {
  const base = new URL(url, (globalThis as { location?: { href: string } }).location?.href);
  const scheme = base.protocol.replace(/^ws/, 'http');
  if (scheme !== 'http:' && scheme !== 'https:') throw new TypeError(`${String(url)} is no address of a relay: http, https, ws or wss is needed`);
  const path = base.pathname.replace(/\/+$/, '').replace(/\/relay$/, '');
  const query = { ...optional('agent_id', agentId), ...optional('session_id', sessionId) } as Record<string, string>;
  const search = new URLSearchParams(query).toString();
  return {
    socket: `${scheme.replace('http', 'ws')}//${base.host}${path}/relay${search === '' ? '' : `?${search}`}`,
    http: `${scheme}//${base.host}${path}`,
    query,
  };
}

/** A token as a subprotocol, for pages, which cannot set headers on a WebSocket (security.md): as it is, or as base64url where it has other characters. */
export function tokenProtocol(token: string): string {
  if (/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(token)) return `relay.token.${token}`;
  const bytes = String.fromCharCode(...new TextEncoder().encode(token));
  return `relay.token64.${btoa(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')}`;
}
