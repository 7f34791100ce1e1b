import { useState, type ReactElement } from 'react';
import { ask } from '../app/api';
import { usePoll } from '../app/poll';
import { parameter, remember } from '../app/router';
import { age } from '../app/text';
import { useAct } from '../ui/act';
import { Notice } from '../ui/Notice';
import { Chat } from './Chat';

interface SessionInfo {
  readonly session_id: string;
  readonly status: string;
  readonly message_count: number;
  readonly created_at: string;
  readonly last_activity: string;
}

interface Data<T> {
  readonly data: T;
}

/** Chats with agents: take part in one, or watch it again. */
export function SessionsPage(): ReactElement {
  const [chosen, setChosen] = useState<string | null>(() => parameter('session') || null);
  const sessions = usePoll('sessions', signal => ask<Data<{ sessions: readonly SessionInfo[] }>>('GET', '/api/sessions', undefined, signal), 3000);
  const agents = usePoll('agents', signal => ask<Data<{ agents: readonly { name: string; backend: string }[] }>>('GET', '/api/agents', undefined, signal), 60_000);
  const act = useAct();
  const choose = (session: string | null): void => {
    setChosen(session);
    remember({ session: session ?? '' });
    sessions.again();
  };
  const list = [...(sessions.value?.data.sessions ?? [])].sort((one, other) => other.last_activity.localeCompare(one.last_activity));
  return (
    <>
      <h1>Sessions</h1>
      <div className="chats">
        <section className="list" aria-label="All sessions">
          <div className="bar">
            <button type="button" disabled={act.isBusy} onClick={() => void act.run(async () => choose((await ask<Data<{ session_id: string }>>('POST', '/api/sessions', {})).data.session_id))}>New session</button>
            <span className="faint">{agents.value?.data.agents.map(agent => `${agent.name} (${agent.backend})`).join(', ')}</span>
          </div>
          {act.error && <p role="alert" className="bad">{act.error.message}</p>}
          <Notice error={sessions.error} what="Sessions" />
          {sessions.value && list.length === 0 && <p className="faint">There is none yet.</p>}
          <ul>{list.map(one => (
            <li key={one.session_id}>
              <button type="button" className="item" aria-current={one.session_id === chosen ? 'true' : undefined} onClick={() => choose(one.session_id)}>
                <code>{one.session_id.slice(0, 12)}</code>
                <span className="faint">{one.message_count} messages, {age(one.last_activity, Date.now())} ago</span>
              </button>
            </li>
          ))}</ul>
        </section>
        {chosen === null ? <p className="faint">Choose a session, or begin a new one.</p> : <Chat key={chosen} session={chosen} onEnded={() => choose(null)} />}
      </div>
    </>
  );
}
