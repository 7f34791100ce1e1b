import { RelayClient } from '@actorrelay/client';
import { RelayProvider } from '@actorrelay/client/react';
import { Suspense, useEffect, useMemo, useState, useSyncExternalStore, type MouseEvent, type ReactElement } from 'react';
import { Connection } from './Connection';
import { credentials } from './credentials';
import { useShortcuts } from './keys';
import { pageOf, PAGES } from './pages';
import { go, useLocation } from './router';
import { Shortcuts } from './Shortcuts';
import { SignIn } from './SignIn';
import { useTheme } from './theme';

export function App(): ReactElement {
  const token = useSyncExternalStore(credentials.subscribe, () => credentials.token);
  const isRefused = useSyncExternalStore(credentials.subscribe, () => credentials.isRefused);
  const [path] = useLocation().split('?');
  const page = pageOf(path!);
  const [theme, nextTheme] = useTheme();
  const [isHelp, setHelp] = useState(false);
  const client = useMemo(() => new RelayClient(location.origin, token === undefined ? {} : { token }), [token]);
  useEffect(() => {
    // StrictMode unmounts and mounts again: one that was closed is opened by the next who needs it.
    const stop = client.on('status', status => {
      if (status.phase === 'closed' && status.error && 'code' in status.error && status.error.code === 'UNAUTHORIZED') credentials.refuse();
    });
    const noted = client.on('error', error => console.warn(error.message));
    client.connect();
    return () => {
      stop();
      noted();
      client.close();
    };
  }, [client]);
  useEffect(() => {
    document.title = page ? `${page.name} · ActorRelay` : 'ActorRelay';
  }, [page]);
  useShortcuts([
    { key: '?', does: 'This list', run: () => setHelp(true) },
    { key: 't', does: 'Light, dark or as the system', run: nextTheme },
    ...PAGES.map((one, index) => ({ key: String(index + 1), does: one.name, run: () => go(one.path) })),
  ]);
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(event.currentTarget.pathname);
  };
  return (
    <RelayProvider client={client}>
      <a className="skip" href="#main">To the content</a>
      <header className="top">
        <a className="brand" href="/dashboard" onClick={follow}><img src="/icon.svg" alt="" width="24" height="24" />ActorRelay</a>
        <nav aria-label="Pages">
          {PAGES.map(one => <a key={one.path} href={one.path} aria-current={one === page ? 'page' : undefined} title={one.does} onClick={follow}>{one.name}</a>)}
        </nav>
        <div className="right">
          <Connection />
          <button type="button" className="quiet" onClick={nextTheme} aria-label={`Colours: ${theme}`}>{theme === 'auto' ? '◐' : theme === 'light' ? '☀' : '☾'}</button>
          <button type="button" className="quiet" onClick={() => setHelp(true)} aria-label="Keys" aria-keyshortcuts="?">?</button>
          {token !== undefined && <button type="button" className="quiet" onClick={() => credentials.set(undefined)}>Sign out</button>}
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {isRefused ? <SignIn isWrong={token !== undefined} />
          : page ? <Suspense fallback={<p className="faint" role="status">…</p>}><page.show key={token} /></Suspense>
            : <><h1>Not here</h1><p>There is no page {path}. <a href="/dashboard" onClick={follow}>To the dashboard</a></p></>}
      </main>
      {isHelp && <Shortcuts onClose={() => setHelp(false)} />}
    </RelayProvider>
  );
}
