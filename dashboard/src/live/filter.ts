import type { RelayEvent } from '@actorrelay/client';

/** What is looked for; an empty text = anything. */
export interface Filter {
  /** A part of the name, or a pattern with `*`. */
  readonly channel: string;
  readonly event: string;
  readonly agent: string;
  readonly session: string;
  /** A part of anything: channel, event, id or payload. */
  readonly text: string;
}

export const ANYTHING: Filter = Object.freeze({ channel: '', event: '', agent: '', session: '', text: '' });

const AGENT = ['agent_id', 'agent', 'from_agent', 'to_agent', 'agent_name', 'agentId'] as const;
const SESSION = ['session_id', 'session', 'sessionId'] as const;

/** A test for events, undefined where everything passes. Made once per change of the filter: what it costs per event is a few comparisons, and text that of writing the payload. */
export function compile(filter: Filter): ((event: RelayEvent) => boolean) | undefined {
  const tests: ((event: RelayEvent) => boolean)[] = [];
  const channel = matcher(filter.channel);
  if (channel) tests.push(event => channel(event.channel));
  const name = matcher(filter.event);
  if (name) tests.push(event => name(event.event));
  const agent = matcher(filter.agent);
  if (agent) tests.push(event => owns(event, 'agents/', AGENT, agent));
  const session = matcher(filter.session);
  if (session) tests.push(event => owns(event, 'sessions/', SESSION, session));
  const text = filter.text.trim().toLowerCase();
  if (text !== '') tests.push(event => `${event.channel} ${event.event} ${event.id} ${textOf(event.data)}`.toLowerCase().includes(text));
  return tests.length === 0 ? undefined : event => tests.every(test => test(event));
}

/** A payload as one line of JSON; empty where there is none. */
export function textOf(data: unknown): string {
  return data === undefined ? '' : (JSON.stringify(data) ?? '');
}

function matcher(wish: string): ((text: string) => boolean) | undefined {
  const wanted = wish.trim().toLowerCase();
  if (wanted === '') return undefined;
  if (!wanted.includes('*')) return text => text.toLowerCase().includes(wanted);
  const pattern = new RegExp(`^${wanted.split(/\*+/).map(part => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*')}$`);
  return text => pattern.test(text.toLowerCase());
}

function owns(event: RelayEvent, namespace: string, members: readonly string[], matches: (text: string) => boolean): boolean {
  if (event.channel.startsWith(namespace) && matches(event.channel.slice(namespace.length))) return true;
  const { data } = event;
  if (typeof data !== 'object' || data === null) return false;
  return members.some(member => {
    const value = (data as Record<string, unknown>)[member];
    return (typeof value === 'string' || typeof value === 'number') && matches(String(value));
  });
}
