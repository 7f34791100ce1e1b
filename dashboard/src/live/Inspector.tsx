import type { RelayEvent } from '@actorrelay/client';
import type { ReactElement } from 'react';
import { ask, query } from '../app/api';
import { usePoll } from '../app/poll';
import { clock } from '../app/text';
import { Notice } from '../ui/Notice';

interface Verdict {
  readonly connection: string;
  readonly user?: string | null;
  readonly dialect?: string;
  readonly node?: string;
  readonly verdict: string;
  readonly reason?: string;
}

interface Explained {
  readonly status: string;
  readonly reason?: string;
  readonly accepted?: { readonly owner?: string; readonly routed_to?: readonly string[]; readonly at?: string; readonly epoch?: string; readonly offset?: number };
  readonly counts?: Readonly<Record<string, number>>;
  readonly verdicts?: readonly Verdict[];
}

/** Verdicts after which nothing more is needed. */
const GOOD = new Set(['acked', 'written', 'own_publish', 'filtered', 'not_subscribed', 'unsubscribed', 'subscribed_later', 'connected_later']);

/** One event whole: its payload, and the way it took to its receivers. */
export function Inspector({ event, onClose }: { event: RelayEvent; onClose(): void }): ReactElement {
  const explained = usePoll(event.id === '' ? null : event.id, signal => ask<Explained>('GET', `/api/v1/explain${query({ message: event.id, channel: event.channel, limit: 50 })}`, undefined, signal), 2000);
  const { accepted, counts, verdicts, status, reason } = explained.value ?? {};
  return (
    <aside className="inspector" aria-label="Event">
      <header><h2>{event.event}</h2><button type="button" className="quiet" aria-label="Close" onClick={onClose}>✕</button></header>
      <dl className="facts">
        <div><dt>Channel</dt><dd><code>{event.channel}</code></dd></div>
        <div><dt>Accepted</dt><dd>{clock(event.timestamp)}</dd></div>
        <div><dt>Id</dt><dd><code>{event.id || '–'}</code></dd></div>
        {event.offset !== undefined && <div><dt>Position</dt><dd><code>{event.epoch}</code> #{event.offset}</dd></div>}
        {event.key !== undefined && <div><dt>Key</dt><dd><code>{event.key}</code></dd></div>}
      </dl>
      <h3>Data</h3>
      <pre tabIndex={0} aria-label="Data">{event.data === undefined ? 'none' : JSON.stringify(event.data, null, 2)}</pre>
      <h3>Its way</h3>
      <Notice error={explained.error} what="Deliveries" />
      {status && (
        <ol className="way">
          <li><strong>{status}</strong>{reason ? `: ${reason}` : ''}{accepted?.owner ? <> by <code>{accepted.owner}</code></> : null}</li>
          {accepted?.routed_to && accepted.routed_to.length > 0 && <li>went to {accepted.routed_to.map(node => <code key={node}>{node} </code>)}</li>}
          {counts && <li>{Object.keys(counts).length === 0 ? 'to nobody' : Object.entries(counts).map(([verdict, many]) => `${many} ${verdict.replaceAll('_', ' ')}`).join(', ')}</li>}
        </ol>
      )}
      {verdicts && verdicts.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Receivers">
          <table>
            <caption className="hidden">Receivers</caption>
            <thead><tr><th scope="col">Receiver</th><th scope="col">Node</th><th scope="col">Verdict</th></tr></thead>
            <tbody>{verdicts.map((one, index) => (
              <tr key={`${one.connection} ${index}`} title={one.reason}>
                <td>{one.user ?? <code>{one.connection}</code>} <span className="faint">{one.dialect}</span></td>
                <td>{one.node}</td>
                <td className={GOOD.has(one.verdict) ? 'good' : 'warn'}>{one.verdict.replaceAll('_', ' ')}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </aside>
  );
}
