import { useCallback, useState, type ReactElement } from 'react';
import { ask, query } from '../app/api';
import { usePoll } from '../app/poll';
import { parameter, remember } from '../app/router';
import { count } from '../app/text';
import { Field } from '../ui/Field';

interface Answer {
  readonly members: readonly { readonly client_id: string; readonly user_id?: string | null }[];
  readonly count: number;
  readonly users: number;
}

/** Who is present on a channel. The page asks every second rather than to take part: it is nobody's company. */
export function PresencePage(): ReactElement {
  const [channel, setChannel] = useState(() => parameter('channel') || 'global');
  const channels = usePoll('channels', signal => ask<{ channels: readonly { channel: string; subscribers: number }[] }>('GET', '/api/v1/channels', undefined, signal), 5000);
  const found = usePoll(channel.trim() === '' ? null : channel.trim(), signal => ask<Answer>('GET', `/api/v1/presence${query({ channel: channel.trim() })}`, undefined, signal), 1000);
  const change = useCallback((text: string) => {
    setChannel(text);
    remember({ channel: text });
  }, []);
  const members = found.value?.members ?? [];
  return (
    <>
      <h1>Presence</h1>
      <form className="filters" role="search" aria-label="Presence" onSubmit={submit => submit.preventDefault()}>
        <Field label="Channel" value={channel} onChange={change} delayMs={300} list={channels.value?.channels.slice(0, 200).map(one => one.channel) ?? []} isWide />
      </form>
      {found.error && <p className="notice" role="status">{found.error.message}</p>}
      {found.value && <>
        <p role="status"><strong>{count(found.value.count)}</strong> {found.value.count === 1 ? 'connection is' : 'connections are'} present, <strong>{count(found.value.users)}</strong> {found.value.users === 1 ? 'user' : 'users'}.</p>
        {members.length === 0 && <p className="faint">Only who subscribes with <code>presence: true</code> is present.</p>}
        {members.length > 0 && (
          <ul className="members">{members.map(one => (
            <li key={one.client_id}><span className="avatar" aria-hidden="true">{(one.user_id ?? '?').slice(0, 2).toUpperCase()}</span><span><strong>{one.user_id ?? 'nobody'}</strong><br /><code>{one.client_id}</code></span></li>
          ))}</ul>
        )}
        {found.value.count > members.length && <p className="faint">The first {count(members.length)} are shown.</p>}
      </>}
    </>
  );
}
