// Compiled only, by package.test.ts: what a schema allows and what it does not.
import { RelayClient, type EventOf, type RelayEvent } from '@actorrelay/client';
import { useChannel } from '@actorrelay/client/react';

interface Channels {
  'topics/deploy': { 'deploy.done': { version: string }; 'deploy.failed': { reason: string } };
  [user: `users/${string}`]: { note: { text: string } };
}

export function check(relay: RelayClient<Channels>): void {
  relay.subscribe('topics/deploy', event => {
    if (event.event === 'deploy.done') event.data.version.toUpperCase();
    // @ts-expect-error: a failure has no version
    else event.data.version;
  });
  relay.subscribe('users/7', event => event.data.text.trim());
  // @ts-expect-error: no such channel
  relay.subscribe('topics/other', () => undefined);
  void relay.publish('topics/deploy', 'deploy.done', { version: '1' });
  // @ts-expect-error: no such event
  void relay.publish('topics/deploy', 'deploy.begun', {});
  // @ts-expect-error: another payload
  void relay.publish('topics/deploy', 'deploy.done', { reason: '1' });
  // @ts-expect-error: no such member
  void relay.publish('users/7', 'note', { texts: '' });

  const untyped = new RelayClient('http://127.0.0.1');
  untyped.subscribe('any/channel', (event: RelayEvent) => {
    // @ts-expect-error: payloads are unknown
    event.data.text;
  });
}

export function useChecked(): string | undefined {
  const { last, publish } = useChannel<Channels, 'topics/deploy'>('topics/deploy');
  // @ts-expect-error: another payload
  void publish('deploy.done', { reason: '' });
  return last?.event === 'deploy.failed' ? last.data.reason : undefined;
}

export const done: EventOf<Channels, 'topics/deploy'>['event'] = 'deploy.done';
