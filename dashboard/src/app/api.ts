import { credentials } from './credentials';

/** What the node refused, with its own words. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

/** Whether that is because of rights, which trying again does not change. */
export const isForbidden = (error: Error | undefined): boolean => error instanceof ApiError && (error.status === 401 || error.status === 403);

/** A request to the node that serves the page, as the one who is signed in. A 401 for the token that was sent opens the sign-in. */
export async function ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const answer = await send(method, path, body, signal);
  const text = await answer.text();
  const json = parse(text);
  if (answer.ok) return json as T;
  const { code, error, message } = (json ?? {}) as { code?: string; error?: string; message?: string };
  throw new ApiError(answer.status, code ?? `HTTP_${answer.status}`, error ?? message ?? `The node answered ${answer.status}`);
}

/** As {@link ask}, an answer that is text. */
export async function askText(path: string, signal?: AbortSignal): Promise<string> {
  const answer = await send('GET', path, undefined, signal, false);
  if (!answer.ok) throw new ApiError(answer.status, `HTTP_${answer.status}`, `The node answered ${answer.status} to ${path}`);
  return answer.text();
}

/** A query of what is there: empty texts are left out. */
export function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== '') search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

async function send(method: string, path: string, body: unknown, signal: AbortSignal | undefined, opensSignIn = true): Promise<Response> {
  const { token } = credentials;
  const answer = await fetch(path, {
    method,
    cache: 'no-store',
    headers: { ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (answer.status === 401 && opensSignIn && token === credentials.token) await refuseIfNobody();
  return answer;
}

// Some doors want more than others: where this one may look around, only that door stays closed.
async function refuseIfNobody(): Promise<void> {
  const { token } = credentials;
  const answer = await fetch('/page/status', { cache: 'no-store', headers: token === undefined ? {} : { Authorization: `Bearer ${token}` } });
  if (answer.status === 401 && token === credentials.token) credentials.refuse();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
