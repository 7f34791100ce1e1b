import { useCallback, useEffect, useState } from 'react';

/** Longer silences are shortened to this when something is watched again. */
const LONGEST_PAUSE_MS = 5_000;

/** When each message is shown again: milliseconds after the start, at speed 1. Plain data. */
export function moments(timestamps: readonly number[]): readonly number[] {
  let at = 0;
  return timestamps.map((time, index) => (at += index === 0 ? 0 : Math.min(Math.max(0, time - timestamps[index - 1]!), LONGEST_PAUSE_MS)));
}

export interface Replay {
  /** So many messages are shown; undefined: it does not run, and all are. */
  readonly shown: number | undefined;
  start(): void;
  stop(): void;
}

/** Shows a conversation again, in its own pace times `speed`. */
export function useReplay(timestamps: readonly number[], speed: number): Replay {
  const [shown, setShown] = useState<number | undefined>();
  const times = moments(timestamps);
  const wait = shown === undefined || shown >= times.length ? undefined : (times[shown]! - (times[shown - 1] ?? 0)) / speed;
  useEffect(() => {
    if (shown === undefined) return undefined;
    const timer = setTimeout(() => setShown(wait === undefined ? undefined : shown + 1), wait ?? 1000);
    return () => clearTimeout(timer);
  }, [shown, wait]);
  const start = useCallback(() => setShown(0), []);
  const stop = useCallback(() => setShown(undefined), []);
  return { shown, start, stop };
}
