import type { MetricSnapshot } from '@actorrelay/client/react';
import { reading, sample, type Reading, type Sample } from './samples';

/** Half an hour at one reading in two seconds: the charts are full again when somebody comes back to the page. */
const MOST = 900;

let last: Reading | undefined;
let samples: readonly Sample[] = [];

/** Takes a reading in; all samples, oldest first. */
export function take(text: string, atMs: number, metrics: MetricSnapshot | null): readonly Sample[] {
  const now = { ...reading(text, atMs / 1000), ...(metrics ? { agents: metrics.active_agents, tasks: metrics.running_tasks } : {}) };
  // Two pages at once would halve the time between readings, and the rates of an instant say little.
  if (last && now.at - last.at < 0.5) return samples;
  samples = [...samples, sample(last, now)].slice(-MOST);
  last = now;
  return samples;
}

export const known = (): readonly Sample[] => samples;

/** For another node or another user. */
export function forget(): void {
  last = undefined;
  samples = [];
}
