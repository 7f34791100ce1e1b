import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
const tell = (): void => listeners.forEach(listener => listener());
addEventListener('popstate', tell);

/** The path and query that are shown. */
export function useLocation(): string {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => location.pathname + location.search,
  );
}

/** Shows another page. */
export function go(path: string): void {
  if (path === location.pathname + location.search) return;
  history.pushState(null, '', path);
  tell();
  scrollTo(0, 0);
}

/** Writes what is looked for into the address, so that it can be passed on; no new entry in the history. */
export function remember(parameters: Readonly<Record<string, string>>): void {
  const search = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== '')).toString();
  history.replaceState(null, '', location.pathname + (search === '' ? '' : `?${search}`));
}

export const parameter = (name: string): string => new URLSearchParams(location.search).get(name) ?? '';
