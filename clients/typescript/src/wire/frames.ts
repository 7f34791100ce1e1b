import type { Gap, Position, PresenceChange, RelayEvent } from '../types.js';

/** A frame to the relay. `id` pairs it with its answer. */
export interface ClientFrame {
  readonly type: 'subscribe' | 'unsubscribe' | 'publish' | 'history' | 'presence' | 'resume' | 'refresh' | 'ping';
  readonly id?: string;
  readonly [member: string]: unknown;
}

type Body = { readonly [member: string]: unknown };

/** A channel in the answer to `resume`. */
export interface ResumedChannel {
  readonly channel: string;
  readonly position?: Position;
  readonly recovered?: boolean;
  readonly code?: string;
}

/** A frame from the relay, its members checked. */
export type ServerFrame =
  | { readonly kind: 'event'; readonly event: RelayEvent }
  | { readonly kind: 'answer'; readonly id: string; readonly ok: boolean; readonly body: Body }
  | { readonly kind: 'connected'; readonly clientId: string; readonly node?: string; readonly session?: string; readonly pingMs: number; readonly maxBytes: number }
  | { readonly kind: 'gap'; readonly gap: Required<Gap> }
  | { readonly kind: 'presence'; readonly change: PresenceChange }
  | { readonly kind: 'reconnect'; readonly afterMs: number; readonly reason: string }
  | { readonly kind: 'expiring' }
  | { readonly kind: 'error'; readonly code: string; readonly text: string }
  | { readonly kind: 'other' };

export const isObject = (value: unknown): value is Body => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const count = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined);

/** Parsed, without members named `__proto__` at any depth: `Object.assign` would make them somebody's prototype. Undefined when it is no JSON. */
export function parse(json: string): unknown {
  try {
    // The search costs a fraction of what a reviver does, and the name can only be there as it is or with an escape.
    return /__proto__|\\u005f/i.test(json) ? JSON.parse(json, (key, value: unknown) => (key === '__proto__' ? undefined : value)) : JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** What a text frame says, or undefined for garbage. What is not understood, but well formed, is `other`. */
export function read(json: string): ServerFrame | undefined {
  const body = parse(json);
  return isObject(body) ? readBody(body) : undefined;
}

/** As {@link read}, of a frame that is parsed already. */
export function readBody(body: Body): ServerFrame | undefined {
  switch (body.type) {
    case undefined:
      return text(body.event) === undefined ? readError(body) : readEventFrame(body);
    case 'ack':
    case 'history':
    case 'presence':
      return text(body.id) === undefined ? undefined : { kind: 'answer', id: body.id as string, ok: body.success === true, body };
    case 'connected':
      return {
        kind: 'connected',
        clientId: text(body.client_id) ?? '',
        ...optional('node', text(body.node)),
        ...optional('session', text(body.session)),
        pingMs: count(body.ping_interval_ms) ?? 25_000,
        maxBytes: count(body.max_frame_bytes) ?? 65_536,
      };
    case 'gap':
      return readGap(body);
    case 'join':
    case 'leave':
      return readPresence(body.type, body);
    case 'reconnect':
      return { kind: 'reconnect', afterMs: count(body.after_ms) ?? 0, reason: text(body.reason) ?? '' };
    case 'token_expiring':
      return { kind: 'expiring' };
    default:
      return { kind: 'other' };
  }
}

/** `epoch` and `offset` of a frame; undefined where there is no position. */
export function positionOf(body: Body): Position | undefined {
  const epoch = text(body.epoch);
  const offset = count(body.offset);
  return epoch !== undefined && offset !== undefined ? { epoch, offset } : undefined;
}

/** An event, or undefined when it lacks what makes one. */
export function eventOf(value: unknown): RelayEvent | undefined {
  if (!isObject(value)) return undefined;
  const channel = text(value.channel);
  const event = text(value.event);
  if (channel === undefined || event === undefined) return undefined;
  return {
    id: text(value.id) ?? '',
    channel,
    event,
    data: value.data,
    timestamp: count(value.timestamp) ?? 0,
    ...positionOf(value),
    ...optional('key', text(value.key)),
  };
}

/** The channels of an answer to `resume`. */
export function resumedChannels(body: Body): ResumedChannel[] {
  const channels = Array.isArray(body.channels) ? body.channels.filter(isObject) : [];
  return channels.flatMap(one => {
    const channel = text(one.channel);
    if (channel === undefined) return [];
    return [{ channel, ...optional('position', positionOf(one)), ...optional('recovered', flag(one.recovered)), ...optional('code', text(one.code)) }];
  });
}

export const flag = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined);

/** `{ [name]: value }`, or nothing for undefined: a member that is there but undefined is something else than one that is missing. */
export const optional = <N extends string, T>(name: N, value: T | undefined): { [K in N]?: T } =>
  (value === undefined ? {} : { [name]: value }) as { [K in N]?: T };

function readEventFrame(body: Body): ServerFrame | undefined {
  const event = eventOf(body);
  return event && { kind: 'event', event };
}

function readError(body: Body): ServerFrame | undefined {
  const code = text(body.code);
  return code === undefined ? undefined : { kind: 'error', code, text: text(body.error) ?? code };
}

function readGap(body: Body): ServerFrame | undefined {
  const channel = text(body.channel);
  const epoch = text(body.epoch);
  const from = count(body.from);
  const to = count(body.to);
  return channel !== undefined && epoch !== undefined && from !== undefined && to !== undefined ? { kind: 'gap', gap: { channel, epoch, from, to } } : undefined;
}

function readPresence(type: 'join' | 'leave', body: Body): ServerFrame | undefined {
  const channel = text(body.channel);
  const clientId = text(body.client_id);
  if (channel === undefined || clientId === undefined) return undefined;
  return { kind: 'presence', change: { type, channel, clientId, userId: text(body.user_id) ?? null, timestamp: count(body.timestamp) ?? 0 } };
}
