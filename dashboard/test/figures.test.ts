import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colorsOf, isMoving, total } from '../src/cluster/model.ts';
import { buckets, quantile, read, sum } from '../src/overview/prometheus.ts';
import { reading, sample } from '../src/overview/samples.ts';
import { moments } from '../src/sessions/replay.ts';

const TEXT = `# HELP relay_client_frames_total Frames
relay_client_frames_total{direction="receive",dialect="relay"} 10
relay_client_frames_total{direction="receive",dialect="a \\"b\\" }"} 5
relay_client_frames_total{direction="transmit",dialect="relay"} 100
relay_client_connections{state="open",dialect="relay"} 3
relay_channel_publishes_total{namespace="topics",outcome="accepted"} 7
relay_channel_publishes_total{namespace="topics",outcome="duplicate"} 9
relay_client_deliveries_total 40
relay_channel_delivery_duration_seconds_bucket{namespace="a",le="0.001"} 50
relay_channel_delivery_duration_seconds_bucket{namespace="a",le="0.01"} 90
relay_channel_delivery_duration_seconds_bucket{namespace="a",le="+Inf"} 100
relay_channel_delivery_duration_seconds_bucket{namespace="b",le="0.001"} 50
relay_channel_delivery_duration_seconds_bucket{namespace="b",le="+Inf"} 100
`;

test('Series are read with their labels, whatever stands in them', () => {
  const found = read(TEXT, new Set(['relay_client_frames_total', 'relay_client_deliveries_total']));
  assert.equal(sum(found.get('relay_client_frames_total'), ['direction', 'receive']), 15);
  assert.equal(found.get('relay_client_frames_total')![1]!.labels.dialect, 'a "b" }');
  assert.equal(sum(found.get('relay_client_deliveries_total')), 40);
  assert.equal(sum(found.get('relay_client_connections')), undefined);
});

test('A quantile lies inside its bucket, and nothing has none', () => {
  const none = [[0.001, 0], [0.01, 0], [Infinity, 0]] as const;
  const some = [[0.001, 50], [0.01, 90], [Infinity, 100]] as const;
  assert.equal(quantile(0.5, none, some), 0.001);
  assert.ok(Math.abs(quantile(0.7, none, some)! - 0.0055) < 1e-9);
  assert.equal(quantile(0.99, none, some), 0.01);
  assert.equal(quantile(0.5, some, some), undefined);
  assert.equal(quantile(0.5, [], []), undefined);
});

test('A reading sums what belongs together, and two make rates', () => {
  const first = reading(TEXT, 100);
  assert.deepEqual([first.connections, first.received, first.sent, first.published, first.delivered], [3, 15, 100, 7, 40]);
  assert.deepEqual(buckets(read(TEXT, new Set(['relay_channel_delivery_duration_seconds_bucket'])).get('relay_channel_delivery_duration_seconds_bucket')).at(-1), [Infinity, 200]);
  const second = { ...first, at: 102, received: 35 };
  assert.equal(sample(first, second).received, 10);
  assert.equal(sample(undefined, first).received, null);
  assert.equal(sample(second, { ...first, at: 104 }).received, null, 'counters began anew');
});

test('Shards on their way are told from those that stand', () => {
  assert.equal(isMoving({ shard: 1, owner: 'a', state: 'serving' }), false);
  assert.equal(isMoving({ shard: 1, owner: 'a', state: 'handing_over', to: 'b' }), true);
  assert.deepEqual([...colorsOf(['b', 'a', 'b'])], [['a', 0], ['b', 1]]);
  assert.equal(total([1, undefined, 2]), 3);
  assert.equal(total([undefined]), undefined);
});

test('A replay keeps the pace of the conversation, but not its long silences', () => assert.deepEqual(moments([1000, 1500, 100_000]), [0, 500, 5500]));
