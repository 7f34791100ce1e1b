import type { Addresses } from '../address.js';
import { isObject, parse } from '../wire/frames.js';

export type FetchLike = (url: string, init?: RequestInit) => Promise<Response>;

/** An answer of the HTTP API, its body parsed. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: { readonly [member: string]: unknown };
}

/** The relay's HTTP API. */
export class Http {
  constructor(
    private readonly fetch: FetchLike,
    private readonly addresses: Addresses,
    private readonly token: string | undefined,
    private readonly signal?: AbortSignal,
  ) {}

  /** Opens `path`; throws where there is no answer at all. */
  open(path: string, query: Iterable<readonly [string, string]> = [], init: RequestInit = {}): Promise<Response> {
    const search = new URLSearchParams([...query].map(([name, value]) => [name, value])).toString();
    const headers = { ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }), ...(init.headers as Record<string, string>) };
    return this.fetch(`${this.addresses.http}${path}${search === '' ? '' : `?${search}`}`, {
      ...init,
      headers,
      // Cookies never count (security.md).
      credentials: 'omit',
      cache: 'no-store',
      ...(this.signal ? { signal: this.signal } : {}),
    });
  }

  async get(path: string, query: Iterable<readonly [string, string]> = []): Promise<HttpAnswer> {
    return answerOf(await this.open(path, query));
  }

  post(path: string, body: unknown): Promise<HttpAnswer> {
    return this.request('POST', path, body);
  }

  async request(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    const content = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return answerOf(await this.open(path, [], { method, ...content }));
  }
}

export async function answerOf(response: Response): Promise<HttpAnswer> {
  const body = parse(await response.text());
  return { status: response.status, body: isObject(body) ? body : {} };
}
