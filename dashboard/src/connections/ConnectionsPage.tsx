import { useCallback, useState, type ReactElement } from 'react';
import { ask, query } from '../app/api';
import { usePoll } from '../app/poll';
import { parameter, remember } from '../app/router';
import { age, bytes, count } from '../app/text';
import { useAct } from '../ui/act';
import { Confirm, Dialog } from '../ui/Dialog';
import { Field } from '../ui/Field';
import { Missing, Notice } from '../ui/Notice';

interface ConnectionInfo {
  readonly connection: string;
  readonly number: number;
  readonly node: string;
  readonly dialect: string;
  readonly listener?: string;
  readonly address?: string;
  readonly user?: string | null;
  readonly agent?: string | null;
  readonly authenticated?: boolean;
  readonly opened_at?: string;
  readonly silent_ms?: number;
  readonly unsent_bytes?: number;
  readonly dropped_events?: number;
  readonly state: string;
}

interface Detailed extends ConnectionInfo {
  readonly subscriptions?: readonly { readonly channel?: string; readonly pattern?: string | boolean; readonly presence?: boolean; readonly live_since?: string; readonly events?: readonly string[] }[];
}

interface Answer {
  readonly total: number;
  readonly connections: readonly ConnectionInfo[];
  readonly next?: string;
  readonly nodes_missing?: readonly string[];
}

const FIELDS = ['user', 'agent', 'address', 'dialect', 'channel'] as const;
const DIALECTS = ['context', 'hooks', 'projects', 'relay', 'updates', 'webui'];

/** Who is connected; each can be looked at, and be sent away. */
export function ConnectionsPage(): ReactElement {
  const [search, setSearch] = useState<Readonly<Record<string, string>>>(() => Object.fromEntries(FIELDS.map(name => [name, parameter(name)])));
  const [after, setAfter] = useState<readonly string[]>([]);
  const [opened, setOpened] = useState<string | undefined>();
  const [kick, setKick] = useState<ConnectionInfo | undefined>();
  const [reason, setReason] = useState('Disconnected by an operator');
  const act = useAct();
  const wish = query({ ...search, after: after.at(-1) });
  const found = usePoll(wish, signal => ask<Answer>('GET', `/api/v1/connections${wish}`, undefined, signal), 2000);
  const change = useCallback((name: string, value: string) => {
    setAfter([]);
    setSearch(so => {
      const next = { ...so, [name]: value };
      remember(next);
      return next;
    });
  }, []);
  const close = (): void => {
    setKick(undefined);
    act.forget();
  };
  const confirm = async (): Promise<void> => {
    if (kick && (await act.run(() => ask('POST', '/api/v1/disconnect', { connection: kick.connection, reason })))) {
      close();
      setOpened(undefined);
      found.again();
    }
  };
  const now = Date.now();
  return (
    <>
      <h1>Connections</h1>
      <form className="filters" role="search" aria-label="Connections" onSubmit={submit => submit.preventDefault()}>
        {FIELDS.map(name => <SearchField key={name} name={name} value={search[name] ?? ''} onChange={change} />)}
      </form>
      <Notice error={found.error} what="Connections" />
      <Missing nodes={found.value?.nodes_missing} />
      {found.value && <>
        <p role="status"><strong>{count(found.value.total)}</strong> {found.value.total === 1 ? 'connection' : 'connections'}</p>
        <div className="scroll" tabIndex={0} role="region" aria-label="Found connections">
          <table>
            <thead><tr><th scope="col">Connection</th><th scope="col">Who</th><th scope="col">Dialect</th><th scope="col">Node</th><th scope="col">Address</th><th scope="col">Open for</th><th scope="col" className="number">Unsent</th><th scope="col" className="number">Left out</th><th scope="col"><span className="hidden">Act</span></th></tr></thead>
            <tbody>{found.value.connections.map(one => (
              <tr key={`${one.node} ${one.number}`}>
                <th scope="row"><button type="button" className="link" onClick={() => setOpened(one.connection)}><code>{one.connection}</code></button></th>
                <td>{one.user ?? one.agent ?? <span className="faint">nobody</span>}</td>
                <td>{one.dialect}</td><td>{one.node}</td><td>{one.address}</td><td>{age(one.opened_at, now)}</td>
                <td className="number">{bytes(one.unsent_bytes)}</td><td className="number">{count(one.dropped_events)}</td>
                <td><button type="button" className="quiet" onClick={() => setKick(one)}>Disconnect<span className="hidden"> {one.connection}</span></button></td>
              </tr>
            ))}</tbody>
          </table>
        </div>
        <div className="bar">
          {after.length > 0 && <button type="button" className="quiet" onClick={() => setAfter(so => so.slice(0, -1))}>Before</button>}
          {found.value.next && <button type="button" className="quiet" onClick={() => setAfter(so => [...so, found.value!.next!])}>More</button>}
        </div>
      </>}
      {opened && !kick && <Details id={opened} onClose={() => setOpened(undefined)} />}
      {kick && (
        <Confirm title="Disconnect?" action="Disconnect" isBusy={act.isBusy} error={act.error} onConfirm={() => void confirm()} onClose={close}>
          <p><code>{kick.connection}</code>{kick.user ?? kick.agent ? ` of ${kick.user ?? kick.agent}` : ''} is closed with code 4403. Its client may come back; to keep somebody out, revoke its tokens.</p>
          <Field label="Reason it is told" value={reason} onChange={setReason} isWide />
        </Confirm>
      )}
    </>
  );
}

function SearchField({ name, value, onChange }: { name: string; value: string; onChange(name: string, value: string): void }): ReactElement {
  const change = useCallback((text: string) => onChange(name, text), [name, onChange]);
  return <Field label={name[0]!.toUpperCase() + name.slice(1)} value={value} onChange={change} delayMs={250} {...(name === 'dialect' ? { list: DIALECTS } : {})} />;
}

function Details({ id, onClose }: { id: string; onClose(): void }): ReactElement {
  const found = usePoll(id, signal => ask<Detailed>('GET', `/api/v1/connections/${encodeURIComponent(id)}`, undefined, signal), 2000);
  const { subscriptions, ...facts } = found.value ?? {};
  return (
    <Dialog title={id} onClose={onClose} isWide>
      <Notice error={found.error} what="The connection" />
      <dl className="facts">{Object.entries(facts).filter(([, value]) => value !== null && typeof value !== 'object').map(([name, value]) => <div key={name}><dt>{name.replaceAll('_', ' ')}</dt><dd>{String(value)}</dd></div>)}</dl>
      {subscriptions && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Subscriptions">
          <table>
            <caption>Subscriptions</caption>
            <thead><tr><th scope="col">Channel</th><th scope="col">Present</th><th scope="col">Live since</th><th scope="col">Only</th></tr></thead>
            <tbody>{subscriptions.map((one, index) => (
              <tr key={index}><td><code>{one.channel ?? String(one.pattern)}</code></td><td>{one.presence ? 'yes' : ''}</td><td>{one.live_since ? age(one.live_since, Date.now()) : 'catching up'}</td><td>{one.events?.join(', ')}</td></tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </Dialog>
  );
}
