import type { ReactElement } from 'react';
import { isForbidden } from '../app/api';

/** Why something is not shown. */
export function Notice({ error, what }: { error: Error | undefined; what: string }): ReactElement | null {
  if (!error) return null;
  return (
    <p className="notice" role="status">
      {isForbidden(error) ? `${what} need an API key with the right admin: ${error.message}` : `${what} could not be had: ${error.message}`}
    </p>
  );
}

/** Nodes that did not answer in time. */
export function Missing({ nodes }: { nodes: readonly string[] | undefined }): ReactElement | null {
  return nodes && nodes.length > 0 ? <p className="notice" role="status">Not answering, so left out: {nodes.join(', ')}</p> : null;
}
