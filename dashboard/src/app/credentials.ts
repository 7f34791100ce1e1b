/** The token or API key of this tab: kept until it is closed, never sent as a cookie. */
const KEY = 'relay.token';

let token = read();
const listeners = new Set<() => void>();
let isRefused = false;

export const credentials = {
  get token(): string | undefined {
    return token;
  },
  /** The node let nobody in, or not this token. */
  get isRefused(): boolean {
    return isRefused;
  },
  set(next: string | undefined): void {
    token = next;
    isRefused = false;
    try {
      if (next === undefined) sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, next);
    } catch {
      // Storage is forbidden here: it lasts as long as the page.
    }
    tell();
  },
  refuse(): void {
    if (isRefused) return;
    isRefused = true;
    tell();
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

function tell(): void {
  for (const listener of listeners) listener();
}

function read(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}
