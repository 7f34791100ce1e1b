import { useCallback, useState, type ReactElement } from 'react';
import { ask, isForbidden, query } from '../app/api';
import { usePoll } from '../app/poll';
import { go, parameter, remember } from '../app/router';
import { clock, count } from '../app/text';
import { textOf } from '../live/filter';
import { Dialog } from '../ui/Dialog';
import { Field } from '../ui/Field';
import { Missing, Notice } from '../ui/Notice';

interface ChannelInfo {
  readonly channel: string;
  readonly epoch?: string;
  readonly offset?: number;
  readonly unavailable?: string;
  readonly durability?: string;
  readonly shard?: string | number;
  readonly owner?: string | null;
  readonly subscribers: number;
  readonly subscribers_by_node?: Readonly<Record<string, number>>;
}

interface Answer {
  readonly channels: readonly ChannelInfo[];
  readonly next?: string;
  readonly nodes_missing?: readonly string[];
}

interface StoredEvent {
  readonly id: string;
  readonly event: string;
  readonly data?: unknown;
  readonly timestamp: number;
  readonly offset?: number;
}

/** Channels that somebody subscribes to, and what they hold. */
export function ChannelsPage(): ReactElement {
  const [prefix, setPrefix] = useState(() => parameter('prefix'));
  const [after, setAfter] = useState<readonly string[]>([]);
  const [opened, setOpened] = useState<string | undefined>();
  const details = usePoll(`${prefix} ${after.at(-1) ?? ''}`, signal => ask<Answer>('GET', `/api/v1/channels/details${query({ prefix, after: after.at(-1) })}`, undefined, signal), 2000);
  // Names and counts alone are for whoever may subscribe.
  const names = usePoll(isForbidden(details.error) ? 'names' : null, signal => ask<Answer>('GET', '/api/v1/channels', undefined, signal), 2000);
  const found = details.value ?? (names.value && { ...names.value, next: undefined, channels: names.value.channels.filter(one => one.channel.startsWith(prefix)) });
  const change = useCallback((text: string) => {
    setAfter([]);
    setPrefix(text);
    remember({ prefix: text });
  }, []);
  return (
    <>
      <h1>Channels</h1>
      <form className="filters" role="search" aria-label="Channels" onSubmit={submit => submit.preventDefault()}>
        <Field label="Begins with" placeholder="topics/" value={prefix} onChange={change} delayMs={250} isWide />
      </form>
      <Notice error={details.error} what="Positions and owners of channels" />
      <Missing nodes={details.value?.nodes_missing} />
      {found && found.channels.length === 0 && <p className="faint">Nobody subscribes to {prefix === '' ? 'anything' : 'such a channel'} now.</p>}
      {found && found.channels.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Found channels">
          <table>
            <thead><tr><th scope="col">Channel</th><th scope="col" className="number">Subscribers</th><th scope="col">Position</th><th scope="col">Durability</th><th scope="col">Owner</th><th scope="col"><span className="hidden">Look</span></th></tr></thead>
            <tbody>{found.channels.map(one => (
              <tr key={one.channel}>
                <th scope="row"><button type="button" className="link" onClick={() => setOpened(one.channel)}><code>{one.channel}</code></button></th>
                <td className="number" title={Object.entries(one.subscribers_by_node ?? {}).map(([node, many]) => `${node}: ${many}`).join(', ')}>{count(one.subscribers)}</td>
                <td>{one.unavailable ? <span className="warn">{one.unavailable}</span> : one.offset === undefined ? '' : <><code>{one.epoch}</code> #{count(one.offset)}</>}</td>
                <td>{one.durability}</td>
                <td>{one.owner}{one.shard !== undefined && <span className="faint"> shard {one.shard}</span>}</td>
                <td><button type="button" className="quiet" onClick={() => go(`/live${query({ source: one.channel })}`)}>Live<span className="hidden"> {one.channel}</span></button></td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
      <div className="bar">
        {after.length > 0 && <button type="button" className="quiet" onClick={() => setAfter(so => so.slice(0, -1))}>Before</button>}
        {found?.next && <button type="button" className="quiet" onClick={() => setAfter(so => [...so, found.next!])}>More</button>}
      </div>
      {opened && <History channel={opened} onClose={() => setOpened(undefined)} />}
    </>
  );
}

function History({ channel, onClose }: { channel: string; onClose(): void }): ReactElement {
  const found = usePoll(channel, signal => ask<{ events: readonly StoredEvent[] }>('GET', `/api/v1/history${query({ channel, limit: 100 })}`, undefined, signal), 5000);
  return (
    <Dialog title={channel} onClose={onClose} isWide>
      <Notice error={found.error} what="Its history" />
      {found.value?.events.length === 0 && <p className="faint">It holds no events.</p>}
      {found.value && found.value.events.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="History">
          <table>
            <caption>The newest {found.value.events.length} it holds</caption>
            <thead><tr><th scope="col">Time</th><th scope="col">Event</th><th scope="col">Data</th><th scope="col" className="number">Offset</th></tr></thead>
            <tbody>{[...found.value.events].reverse().map((one, index) => (
              <tr key={`${one.id} ${index}`}><td>{clock(one.timestamp)}</td><td>{one.event}</td><td className="cut"><code>{textOf(one.data).slice(0, 300)}</code></td><td className="number">{one.offset}</td></tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </Dialog>
  );
}
