import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANYTHING, compile } from '../src/live/filter.ts';
import { Feed } from '../src/live/feed.ts';
import { Ring } from '../src/live/ring.ts';
import { Sampling } from '../src/live/sampling.ts';

const event = (channel: string, name: string, data?: unknown, offset = 1) => ({ id: `msg_${offset}`, channel, event: name, data, timestamp: 0, epoch: 'e', offset });

test('A ring keeps the newest and forgets the oldest', () => {
  const ring = new Ring<number>(3);
  for (let number = 1; number <= 5; number++) ring.push(number);
  assert.deepEqual(ring.toArray(), [5, 4, 3]);
  assert.equal(ring.newest(3), undefined);
  assert.equal(ring.newest(-1), undefined);
  ring.clear();
  ring.push(6);
  assert.deepEqual(ring.toArray(), [6]);
});

test('A filter without a wish is none', () => assert.equal(compile({ ...ANYTHING, text: '  ' }), undefined));

for (const [wish, passes, fails] of [
  [{ channel: 'topics/*' }, event('topics/a/b', 'x'), event('global', 'x')],
  [{ channel: 'pics' }, event('topics/a', 'x'), event('global', 'x')],
  [{ event: 'task.*' }, event('global', 'task.done'), event('global', 'subtask.done')],
  [{ event: 'a.b(' }, event('global', 'a.b('), event('global', 'acb(')],
  [{ agent: 'ann' }, event('agents/ann', 'x'), event('agents/bob', 'x', 'ann')],
  [{ agent: 'ann' }, event('global', 'x', { from_agent: 'Ann' }), event('global', 'x', { name: 'ann' })],
  [{ session: '7' }, event('hooks', 'x', { session_id: 7 }), event('hooks', 'x', null)],
  [{ text: 'FAILED' }, event('global', 'x', { state: { is: 'failed' } }), event('global', 'x')],
  [{ text: 'msg_9', event: 'x' }, event('global', 'x', 1, 9), event('global', 'y', 1, 9)],
] as const) {
  test(`The filter ${JSON.stringify(wish)} tells events apart`, () => {
    const filter = compile({ ...ANYTHING, ...wish })!;
    assert.equal(filter(passes), true);
    assert.equal(filter(fails), false);
  });
}

test('Few events are all kept, of many one in n, and all again when they are few', () => {
  const sampling = new Sampling(100);
  const kept = (second: number, many: number): number => Array.from({ length: many }, (_, index) => sampling.keeps(second * 1000 + (index * 1000) / many)).filter(Boolean).length;
  assert.equal(kept(0, 100), 100);
  assert.equal(sampling.every, 1);
  kept(1, 1000);
  const steady = kept(2, 1000);
  assert.equal(sampling.every, 10);
  assert.ok(steady >= 99 && steady <= 101, String(steady));
  kept(3, 50);
  assert.equal(kept(4, 50), 50);
  assert.equal(sampling.every, 1);
});

/** The next time the page hears of changes. */
const flushed = (feed: Feed): Promise<void> => new Promise(done => {
  const stop = feed.subscribe(() => {
    stop();
    done();
  });
});

test('A list that is held stands still, and has everything when it goes on', async () => {
  const feed = new Feed();
  feed.add(event('global', 'one', 1, 1));
  feed.hold(true);
  feed.add(event('global', 'two', 2, 2));
  await flushed(feed);
  assert.deepEqual([feed.get().rows, feed.get().waiting, feed.get().received], [1, 1, 2]);
  assert.equal(feed.at(0)?.event?.event, 'one');
  feed.hold(false);
  assert.equal(feed.at(0)?.event?.event, 'two');
  assert.equal(feed.get().rows, 2);
});

test('Another filter finds what came before it', async () => {
  const feed = new Feed();
  for (let offset = 1; offset <= 10; offset++) feed.add(event('global', offset % 2 === 0 ? 'even' : 'odd', undefined, offset));
  feed.filter({ ...ANYTHING, event: 'even' });
  feed.add(event('global', 'even', undefined, 12));
  await flushed(feed);
  assert.deepEqual([feed.get().rows, feed.get().matching, feed.get().received], [6, 6, 11]);
});

test('What is missing is a line of its own and counted', async () => {
  const feed = new Feed();
  feed.gap({ channel: 'topics/a', epoch: 'e', from: 3, to: 7 });
  await flushed(feed);
  assert.equal(feed.get().missing, 5);
  assert.match(feed.at(0)?.note ?? '', /Events 3 to 7 of topics\/a/);
});
