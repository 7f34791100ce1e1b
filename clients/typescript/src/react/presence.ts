import { useEffect, useState, useSyncExternalStore } from 'react';
import { asError } from '../errors.js';
import type { Member, PresenceChange } from '../types.js';
import { useRelay, useRelayStatus } from './context.js';
import { Store } from './store.js';

export interface PresenceState {
  /** At most the 1000 that the relay tells, and who joined since. */
  readonly members: readonly Member[];
  /** All connections, and all distinct users. */
  readonly count: number;
  readonly users: number;
  readonly error: Error | undefined;
}

const NOBODY: PresenceState = Object.freeze({ members: [], count: 0, users: 0, error: undefined });

/** Who is on a channel, this component's client included, while it is mounted; null is nobody. */
export function usePresence(channel: string | null): PresenceState {
  const relay = useRelay();
  const [store] = useState(() => new Store(NOBODY));
  const state = useSyncExternalStore(store.subscribe, store.get, () => NOBODY);
  const isClosed = useRelayStatus().phase === 'closed';
  useEffect(() => {
    if (channel === null || isClosed) return undefined;
    const members = new Map<string, Member>();
    let unlisted = { count: 0, users: 0 };
    let since: PresenceChange[] = [];
    let turn = 0;
    const show = (): void => store.update({
      members: [...members.values()],
      count: members.size + unlisted.count,
      users: new Set([...members.values()].map(member => member.userId).filter(user => user !== null)).size + unlisted.users,
    });
    const apply = ({ type, clientId, userId }: PresenceChange): void => {
      if (type === 'join') members.set(clientId, { clientId, userId });
      else members.delete(clientId);
    };
    // What is told while the list is on its way may be in it or not: it is applied to it again.
    const list = async (): Promise<void> => {
      const asked = ++turn;
      since = [];
      try {
        const answer = await relay.presence(channel);
        if (asked !== turn) return;
        members.clear();
        for (const member of answer.members) members.set(member.clientId, member);
        for (const change of since) apply(change);
        unlisted = { count: Math.max(0, answer.count - answer.members.length), users: answer.count > answer.members.length ? Math.max(0, answer.users - answer.members.length) : 0 };
        store.update({ error: undefined });
        show();
      } catch (error) {
        if (asked === turn) store.update({ error: asError(error) });
      }
    };
    const subscription = relay.subscribe(channel, () => undefined, {
      presence: true,
      // Nothing is to be heard but presence.
      filter: [],
      onSubscribed: () => void list(),
      onPresence: change => {
        since.push(change);
        apply(change);
        show();
      },
      onError: error => store.update({ error }),
    });
    return () => {
      turn++;
      subscription.unsubscribe();
      store.set(NOBODY);
    };
  }, [relay, channel, isClosed, store]);
  return state;
}
