import { useState, type ReactElement } from 'react';
import { credentials } from './credentials';

/** Asks for a token or API key. */
export function SignIn({ isWrong }: { isWrong: boolean }): ReactElement {
  const [token, setToken] = useState('');
  return (
    <section className="signin">
      <h1>Sign in</h1>
      <form onSubmit={submit => {
        submit.preventDefault();
        if (token.trim() !== '') credentials.set(token.trim());
      }}>
        <label className="field wide"><span>Token or API key</span>
          <input type="password" name="token" autoComplete="off" required autoFocus value={token} onChange={change => setToken(change.target.value)} />
        </label>
        <button type="submit">Sign in</button>
      </form>
      {isWrong && <p role="alert" className="bad">The node does not know this one, or it has ended.</p>}
      <p className="faint">This node lets nobody in without one. It is kept for this tab, until it is closed. Cluster and connections need an API key with the right <code>admin</code>.</p>
    </section>
  );
}
