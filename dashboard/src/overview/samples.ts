import { buckets, quantile, read, sum, type Buckets } from './prometheus';

/** What a reading of /metrics says, of the node that was asked. */
export interface Reading {
  /** Seconds since 1970. */
  readonly at: number;
  readonly connections: number;
  readonly received: number;
  readonly sent: number;
  readonly published: number;
  readonly delivered: number;
  readonly latency: Buckets;
  /** Of the channel `metrics`, where it spoke. */
  readonly agents?: number;
  readonly tasks?: number;
}

/** A point of the charts; null = not known. */
export interface Sample {
  readonly at: number;
  readonly connections: number | null;
  readonly received: number | null;
  readonly sent: number | null;
  readonly published: number | null;
  readonly delivered: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly agents: number | null;
  readonly tasks: number | null;
}

const NAMES = new Set([
  'relay_client_connections', 'relay_client_frames_total', 'relay_client_deliveries_total', 'relay_channel_publishes_total', 'relay_channel_delivery_duration_seconds_bucket',
]);

export function reading(text: string, at: number): Reading {
  const found = read(text, NAMES);
  return {
    at,
    connections: sum(found.get('relay_client_connections'), ['state', 'open']) ?? 0,
    received: sum(found.get('relay_client_frames_total'), ['direction', 'receive']) ?? 0,
    sent: sum(found.get('relay_client_frames_total'), ['direction', 'transmit']) ?? 0,
    published: sum(found.get('relay_channel_publishes_total'), ['outcome', 'accepted']) ?? 0,
    delivered: sum(found.get('relay_client_deliveries_total')) ?? 0,
    latency: buckets(found.get('relay_channel_delivery_duration_seconds_bucket')),
  };
}

/** What happened between two readings, per second. After a restart of the node counters begin anew: no rate is made up. */
export function sample(before: Reading | undefined, now: Reading): Sample {
  const passed = before ? now.at - before.at : 0;
  const rate = (name: 'received' | 'sent' | 'published' | 'delivered'): number | null =>
    before && passed > 0 && now[name] >= before[name] ? (now[name] - before[name]) / passed : null;
  const at = (share: number): number | null => (before ? (quantile(share, before.latency, now.latency) ?? null) : null);
  return {
    at: now.at, connections: now.connections, received: rate('received'), sent: rate('sent'), published: rate('published'), delivered: rate('delivered'),
    p50: at(0.5), p95: at(0.95), p99: at(0.99), agents: now.agents ?? null, tasks: now.tasks ?? null,
  };
}
