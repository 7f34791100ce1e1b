import { useRelay, useRelayStatus } from '@actorrelay/client/react';
import type { ReactElement } from 'react';

const WORDS = { idle: 'not connected', connecting: 'connecting', online: 'connected', waiting: 'comes back', closed: 'closed' } as const;

/** What the connection of the page does. */
export function Connection(): ReactElement {
  const relay = useRelay();
  const status = useRelayStatus();
  const tone = status.phase === 'online' ? 'good' : status.phase === 'closed' ? 'bad' : 'warn';
  return (
    <span className="connection" role="status" aria-label="Connection" title={status.error?.message ?? (status.transport === 'sse' ? 'as an event stream' : '')}>
      <span className={`dot ${tone}`} aria-hidden="true" />
      {WORDS[status.phase]}{status.phase === 'online' && status.node ? ` to ${status.node}` : ''}
      {(status.phase === 'waiting' || status.phase === 'closed') && <button type="button" className="quiet" onClick={() => relay.connect()}>Now</button>}
    </span>
  );
}
