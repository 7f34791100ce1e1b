import { useCallback, useEffect, useRef, useState } from 'react';
import { asError } from './text';

export interface Polled<T> {
  readonly value: T | undefined;
  /** Why the newest value could not be had; the value before it stays. */
  readonly error: Error | undefined;
  /** Asks now. */
  again(): void;
}

/** Asks at once and then every `everyMs` after the answer, as long as the page is seen. Another `key` asks anew and forgets the old answer; null asks nothing. */
export function usePoll<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>, everyMs: number): Polled<T> {
  const [state, setState] = useState<{ key: string | null; value?: T; error?: Error }>({ key });
  const latest = useRef(load);
  const poke = useRef<() => void>(() => undefined);
  useEffect(() => {
    latest.current = load;
  });
  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isAsking = false;
    const turn = async (): Promise<void> => {
      clearTimeout(timer);
      if (isAsking) return;
      isAsking = true;
      try {
        const value = await latest.current(abort.signal);
        if (!abort.signal.aborted) setState({ key, value });
      } catch (thrown) {
        if (!abort.signal.aborted) setState(so => ({ ...(so.key === key ? so : {}), key, error: asError(thrown) }));
      }
      isAsking = false;
      if (!abort.signal.aborted && document.visibilityState === 'visible') timer = setTimeout(() => void turn(), everyMs);
    };
    const seen = (): void => {
      if (document.visibilityState === 'visible') void turn();
    };
    poke.current = () => void turn();
    document.addEventListener('visibilitychange', seen);
    void turn();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [key, everyMs]);
  const again = useCallback(() => poke.current(), []);
  return state.key === key ? { value: state.value, error: state.error, again } : { value: undefined, error: undefined, again };
}
