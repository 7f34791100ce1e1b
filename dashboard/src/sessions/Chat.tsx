import { useSession } from '@actorrelay/client/react';
import { useEffect, useRef, useState, type ReactElement } from 'react';
import { clock } from '../app/text';
import { textOf } from '../live/filter';
import { useAct } from '../ui/act';
import { Confirm } from '../ui/Dialog';
import { useReplay } from './replay';

const SPEEDS = [0.5, 1, 2, 5, 10] as const;

/** Word of typing is sent no more often. */
const TYPING_MS = 2_000;

/** One conversation: its history, what is written now, and the agent's progress. */
export function Chat({ session, onEnded }: { session: string; onEnded(): void }): ReactElement {
  const chat = useSession(session);
  const [text, setText] = useState('');
  const [speed, setSpeed] = useState<number>(1);
  const [isEnding, setEnding] = useState(false);
  const act = useAct();
  const end = useAct();
  const typed = useRef(0);
  const bottom = useRef<HTMLDivElement>(null);
  const replay = useReplay(chat.messages.map(message => message.timestamp), speed);
  const messages = replay.shown === undefined ? chat.messages : chat.messages.slice(0, replay.shown);
  const isLive = replay.shown === undefined;
  useEffect(() => {
    bottom.current?.scrollTo({ top: bottom.current.scrollHeight });
  }, [messages.length, chat.partial, chat.isWaiting, chat.isTyping]);
  const send = async (): Promise<void> => {
    const content = text.trim();
    if (content === '') return;
    setText('');
    chat.setTyping(false);
    typed.current = 0;
    if (!(await act.run(() => chat.send(content)))) setText(so => (so === '' ? content : so));
  };
  const write = (value: string): void => {
    setText(value);
    if (value === '' || Date.now() - typed.current < TYPING_MS) return;
    typed.current = Date.now();
    chat.setTyping(true);
  };
  const failure = act.error?.message ?? chat.failure ?? chat.error?.message;
  return (
    <section className="chat" aria-label={`Session ${session}`}>
      <div className="bar">
        <code>{session}</code>
        <button type="button" className="quiet" disabled={chat.messages.length === 0} onClick={isLive ? replay.start : replay.stop}>{isLive ? 'Replay' : 'Stop the replay'}</button>
        <label className="field inline"><span>Speed</span>
          <select value={speed} onChange={change => setSpeed(Number(change.target.value))}>{SPEEDS.map(one => <option key={one} value={one}>{one}×</option>)}</select>
        </label>
        <button type="button" className="quiet" onClick={() => setEnding(true)}>Delete</button>
      </div>
      <div ref={bottom} className="messages" role="log" aria-label="Conversation" tabIndex={0}>
        {messages.map(message => (
          <article key={message.id} className={message.role}>
            <header><strong>{message.name ?? (message.role === 'user' ? 'User' : 'Agent')}</strong> <time>{clock(message.timestamp).slice(0, 8)}</time></header>
            <p>{message.content}</p>
          </article>
        ))}
        {isLive && chat.partial !== '' && <article className="agent"><p>{chat.partial}</p></article>}
        {isLive && chat.progress !== undefined && <p className="faint">{progressOf(chat.progress)}</p>}
        {isLive && chat.isWaiting && chat.partial === '' && <p className="faint">The agent is at work …</p>}
        {isLive && chat.isTyping && <p className="faint">Somebody is typing …</p>}
        {!isLive && <p className="faint">Replay: {messages.length} of {chat.messages.length}</p>}
      </div>
      {failure && <p role="alert" className="bad">{failure}</p>}
      <form className="bar" onSubmit={submit => {
        submit.preventDefault();
        void send();
      }}>
        <label className="field wide"><span className="hidden">Message</span><input value={text} placeholder="Write to the agent" autoComplete="off" onChange={change => write(change.target.value)} /></label>
        <button type="submit" disabled={!chat.connected || text.trim() === ''}>Send</button>
      </form>
      {isEnding && (
        <Confirm title="Delete the session?" action="Delete" isBusy={end.isBusy} error={end.error} onClose={() => setEnding(false)} onConfirm={() => void end.run(() => chat.end()).then(isDone => isDone && onEnded())}>
          <p>Its history goes with it, for all who take part.</p>
        </Confirm>
      )}
    </section>
  );
}

function progressOf(progress: unknown): string {
  const body = (typeof progress === 'object' && progress !== null ? progress : {}) as Record<string, unknown>;
  return String(body.message ?? body.content ?? body.status ?? textOf(progress));
}
