/** Whether a channel is a pattern (`agents/*`, `topics/deploy/**`). */
export const isPattern = (channel: string): boolean => channel.includes('*');

/** Whether a pattern means a channel: `*` is one segment that is not empty, `**` at the end any rest (protocols.md, "Channels"). */
export function matches(pattern: string, channel: string): boolean {
  const wanted = pattern.split('/');
  const there = channel.split('/');
  const open = wanted[wanted.length - 1] === '**';
  if (open) wanted.pop();
  if (open ? there.length <= wanted.length : there.length !== wanted.length) return false;
  return wanted.every((segment, i) => (segment === '*' ? there[i] !== '' : segment === there[i]));
}

/** Whether a filter lets an event pass: `*`, a prefix `task.*`, an exact name; no filter: every event. */
export const passes = (filter: readonly string[] | undefined, event: string): boolean =>
  filter === undefined || filter.some(one => (one.endsWith('*') ? event.startsWith(one.slice(0, -1)) : one === event));
