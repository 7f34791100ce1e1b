import { useRelay } from '@actorrelay/client/react';
import { memo, useCallback, useEffect, useMemo, useState, useSyncExternalStore, type ReactElement } from 'react';
import { useShortcuts } from '../app/keys';
import { parameter, remember } from '../app/router';
import { clock, compact, count } from '../app/text';
import { Field } from '../ui/Field';
import { VirtualList } from '../ui/VirtualList';
import { EVERYTHING, Feed, type Row } from './feed';
import { textOf, type Filter } from './filter';
import { Inspector } from './Inspector';

const ROW_PX = 30;
const LONGEST_LINE = 400;

/** Of channels that are named: how many events from before are shown. */
const LAST = 50;

/** Events as they come: filtered, held, searched, and each explained. */
export function LivePage(): ReactElement {
  const relay = useRelay();
  const [feed] = useState(() => new Feed());
  const state = useSyncExternalStore(feed.subscribe, feed.get);
  const [source, setSource] = useState(() => parameter('source'));
  const [filter, setFilter] = useState<Filter>(() => ({
    channel: parameter('channel'), event: parameter('event'), agent: parameter('agent'), session: parameter('session'), text: parameter('text'),
  }));
  const [isPaused, setPaused] = useState(false);
  const [isAway, setAway] = useState(false);
  const [selected, setSelected] = useState<number>(-1);
  const [opened, setOpened] = useState<Row | undefined>();
  const channels = useMemo(() => (source.trim() === '' ? EVERYTHING : source.split(',').map(one => one.trim()).filter(one => one !== '')), [source]);
  useEffect(() => {
    feed.listen(relay, channels, LAST);
    return () => feed.leave();
  }, [feed, relay, channels]);
  useEffect(() => {
    feed.filter(filter);
    remember({ source, ...filter });
  }, [feed, filter, source]);
  const isHeld = isPaused || isAway || opened !== undefined;
  useEffect(() => feed.hold(isHeld), [feed, isHeld]);
  const change = useCallback((part: Partial<Filter>) => setFilter(so => ({ ...so, ...part })), []);
  const set = useMemo(() => ({
    channel: (channel: string) => change({ channel }), event: (event: string) => change({ event }), agent: (agent: string) => change({ agent }),
    session: (session: string) => change({ session }), text: (text: string) => change({ text }),
  }), [change]);
  const close = (): void => {
    setOpened(undefined);
    document.querySelector<HTMLElement>('.virtual')?.focus();
  };
  const goOn = (): void => {
    setPaused(false);
    setAway(false);
    setSelected(-1);
    setOpened(undefined);
    document.querySelector('.virtual')?.scrollTo({ top: 0 });
  };
  const clear = (): void => {
    setSelected(-1);
    setOpened(undefined);
    feed.clear();
  };
  useShortcuts([
    { key: '/', does: 'Search', run: () => document.getElementById('live-text')?.focus() },
    { key: 'p', does: 'Hold and go on', run: () => (isHeld ? goOn() : setPaused(true)) },
    { key: 'c', does: 'Clear', run: clear },
    { key: 'Escape', does: 'Close', run: close },
  ]);
  return (
    <div className={opened ? 'live open' : 'live'} data-ready={state.subscribed + state.refused.length >= channels.length}>
      <h1 className="hidden">Live</h1>
      <form className="filters" role="search" aria-label="Events" onSubmit={submit => submit.preventDefault()}>
        <Field label="Source" placeholder="everything" value={source} onChange={setSource} delayMs={600} list={EVERYTHING} />
        <Field label="Channel" placeholder="topics/*" value={filter.channel} onChange={set.channel} delayMs={150} />
        <Field label="Event" placeholder="task.*" value={filter.event} onChange={set.event} delayMs={150} />
        <Field label="Agent" value={filter.agent} onChange={set.agent} delayMs={150} />
        <Field label="Session" value={filter.session} onChange={set.session} delayMs={150} />
        <Field label="Text" placeholder="/ to search" value={filter.text} onChange={set.text} delayMs={150} id="live-text" isWide />
      </form>
      <div className="bar">
        <button type="button" aria-pressed={isPaused} onClick={() => (isHeld ? goOn() : setPaused(true))}>{isHeld ? 'Go on' : 'Hold'}</button>
        <button type="button" className="quiet" onClick={clear}>Clear</button>
        <span data-testid="figures"><strong>{count(state.received)}</strong> received{state.matching !== state.received && <>, <strong>{count(state.matching)}</strong> match</>}, {compact(state.perSecond)}/s</span>
        {state.every > 1 && <span className="warn" data-testid="sampling">showing 1 in {count(state.every)}</span>}
        {state.missing > 0 && <span className="bad" role="alert">{count(state.missing)} missing</span>}
        {state.isHeld && <span className="faint">held{state.waiting > 0 && <>, {count(state.waiting)} newer</>}</span>}
        {state.refused.length > 0 && (
          <details className="refused"><summary>{state.refused.length} of {channels.length} sources refused</summary>
            <ul>{state.refused.map(({ channel, reason }) => <li key={channel}><code>{channel}</code> {reason}</li>)}</ul>
          </details>
        )}
      </div>
      <div className="split">
        <div className="lines">
          <div className="row head" aria-hidden="true"><span>Time</span><span>Channel</span><span>Event</span><span>Data</span><span>Offset</span></div>
          <VirtualList
            label="Events, newest first" count={state.rows} rowHeight={ROW_PX} selected={selected}
            keyOf={index => feed.at(index)?.number ?? -index}
            render={index => <Line row={feed.at(index)} />}
            onSelect={index => {
              // What is chosen must not run away.
              setPaused(true);
              setSelected(index);
              if (opened) setOpened(feed.at(index));
            }}
            onOpen={index => {
              setSelected(index);
              setOpened(feed.at(index));
            }}
            onScrolledAway={setAway}
          />
          {state.rows === 0 && <p className="empty faint">{state.subscribed === 0 ? 'Subscribing …' : state.received > 0 ? 'Nothing passes the filter.' : 'Nothing yet. Events appear here as soon as somebody publishes.'}</p>}
        </div>
        {opened?.event && <Inspector key={opened.number} event={opened.event} onClose={close} />}
      </div>
    </div>
  );
}

// A line that only moved is not drawn again.
const Line = memo(function Line({ row }: { row: Row | undefined }): ReactElement | null {
  if (!row) return null;
  if (!row.event) return <span className="note bad">{row.note}</span>;
  const { timestamp, channel, event, data, offset, id } = row.event;
  return (
    <>
      <time>{clock(timestamp)}</time>
      <span className="channel">{channel}</span>
      <span className="name">{event}</span>
      <span className="data">{textOf(data).slice(0, LONGEST_LINE)}</span>
      <span className="place" data-id={id}>{offset === undefined ? '' : `#${offset}`}</span>
    </>
  );
});
