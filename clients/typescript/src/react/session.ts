import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { asError, RelayError } from '../errors.js';
import type { HttpAnswer } from '../transport/http.js';
import type { RelayEvent } from '../types.js';
import { isObject } from '../wire/frames.js';
import { useSubscription } from './channel.js';
import { useRelay, useRelayStatus } from './context.js';

/** A line of the conversation. */
export interface ChatMessage {
  readonly id: string;
  readonly role: 'user' | 'agent';
  /** The agent's name. */
  readonly name: string | undefined;
  readonly content: string;
  readonly timestamp: number;
}

/** What a conversation's events come to. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /** What the agent has written so far of an answer that is not complete (`agent_chunk`). */
  readonly partial: string;
  /** Its newest progress, until it answers: whatever it sent. */
  readonly progress: unknown;
  /** A message waits for its answer. */
  readonly isWaiting: boolean;
  /** Others are typing. */
  readonly isTyping: boolean;
  /** Why the last message had no answer. */
  readonly failure: string | undefined;
}

export interface UseSessionReturn extends Conversation {
  readonly sessionId: string | null;
  readonly connected: boolean;
  readonly error: Error | undefined;
  /** Makes a session and takes part in it; resolves to its id. */
  create(): Promise<string>;
  /** Sends a message; resolves when the agent answered, which all participants see. */
  send(content: string): Promise<void>;
  setTyping(isTyping: boolean): void;
  /** Deletes the session. */
  end(): Promise<void>;
}

/** Word of typing is good for so long. */
const TYPING_MS = 5_000;
const MOST_MESSAGES = 1000;
const NOTHING: Conversation = Object.freeze({ messages: [], partial: '', progress: undefined, isWaiting: false, isTyping: false, failure: undefined });

/** A chat session of the agent chat UI: its conversation from the beginning, and what happens in it, across reconnects. */
export function useSession(sessionId: string | null = null): UseSessionReturn {
  const relay = useRelay();
  const status = useRelayStatus();
  const [made, setMade] = useState<string | null>(null);
  const [error, setError] = useState<Error | undefined>();
  const id = sessionId ?? made;
  const { state } = useSubscription(relay, id === null ? null : `sessions/${id}`, { last: MOST_MESSAGES, max: MOST_MESSAGES });
  const conversation = useMemo(() => state.events.reduce((so, event) => reduce(so, event, status.clientId), NOTHING), [state.events, status.clientId]);
  const isMounted = useRef(true);
  useEffect(() => {
    isMounted.current = true;
    return () => void (isMounted.current = false);
  }, []);
  const ask = useCallback(async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => {
    try {
      const data = dataOf(await relay.http(method, path, body));
      if (isMounted.current) setError(undefined);
      return data;
    } catch (failure) {
      if (isMounted.current) setError(asError(failure));
      throw failure;
    }
  }, [relay]);
  const create = useCallback(async () => {
    const { session_id } = await ask('POST', '/api/sessions', {});
    if (isMounted.current) setMade(String(session_id));
    return String(session_id);
  }, [ask]);
  const send = useCallback(async (content: string) => {
    await ask('POST', '/api/chat', { session_id: id ?? (await create()), content });
  }, [ask, create, id]);
  const end = useCallback(async () => {
    if (id === null) return;
    await ask('DELETE', `/api/sessions/${encodeURIComponent(id)}`);
    if (isMounted.current) setMade(null);
  }, [ask, id]);
  const setTyping = useCallback((isTyping: boolean) => {
    // Nobody waits for it, and it need not come late.
    if (id !== null && relay.status.phase === 'online') relay.publish(`sessions/${id}`, 'typing', { is_typing: isTyping, from: relay.status.clientId }, { ttl: TYPING_MS }).catch(() => undefined);
  }, [relay, id]);
  return { ...conversation, sessionId: id, connected: status.phase === 'online', error: error ?? state.error, create, send, setTyping, end };
}

/** What an event makes of the conversation before it. Plain data. */
export function reduce(so: Conversation, { id, event, data, timestamp }: RelayEvent, self?: string): Conversation {
  const body = isObject(data) ? data : {};
  const content = String(body.content ?? body.chunk ?? '');
  const line = (role: 'user' | 'agent', name?: string): readonly ChatMessage[] => [...so.messages, { id, role, name, content, timestamp }];
  switch (event) {
    case 'chat_message':
      return { ...so, messages: line('user'), isWaiting: true, isTyping: false, failure: undefined };
    case 'agent_progress':
      return { ...so, progress: data, isWaiting: true };
    case 'agent_chunk':
      return { ...so, partial: so.partial + content, isWaiting: true };
    case 'agent_response':
      return { ...so, messages: line('agent', typeof body.agent_name === 'string' ? body.agent_name : undefined), partial: '', progress: undefined, isWaiting: false };
    case 'agent_error':
    case 'error':
      return { ...so, partial: '', progress: undefined, isWaiting: false, failure: String(body.message ?? body.code ?? event) };
    case 'typing':
      return self !== undefined && body.from === self ? so : { ...so, isTyping: body.is_typing === true };
    default:
      return so;
  }
}

function dataOf({ status, body }: HttpAnswer): { readonly [member: string]: unknown } {
  if (body.status === 'success') return isObject(body.data) ? body.data : {};
  throw new RelayError(String(body.code ?? `HTTP_${status}`), String(body.message ?? body.error ?? `The relay answered ${status}`));
}
