import { useState, type ReactElement } from 'react';
import { ask } from '../app/api';
import { useAct } from '../ui/act';
import { Dialog } from '../ui/Dialog';
import type { NodeInfo, Shard } from './model';

/** One shard: where it is, and where it shall be. */
export function ShardDialog({ shard, nodes, onClose, onDone }: { shard: Shard; nodes: readonly NodeInfo[]; onClose(): void; onDone(): void }): ReactElement {
  const others = nodes.filter(node => node.node !== shard.owner && node.state === 'up');
  const [to, setTo] = useState(others[0]?.node ?? '');
  const act = useAct();
  const does = async (work: () => Promise<unknown>): Promise<void> => {
    if (await act.run(work)) onDone();
  };
  return (
    <Dialog title={`Shard ${shard.shard}`} onClose={onClose}>
      <dl className="facts">
        <div><dt>Owner</dt><dd>{shard.owner ?? 'nobody'}</dd></div>
        <div><dt>State</dt><dd>{shard.state.replaceAll('_', ' ')}{shard.to ? ` → ${shard.to}` : ''}</dd></div>
        <div><dt>Fence</dt><dd>{shard.fence ?? '–'}</dd></div>
        {shard.pinned_to && <div><dt>Pinned to</dt><dd>{shard.pinned_to}</dd></div>}
      </dl>
      <p>A move pins the shard: it goes there as in any planned move, and stays while that node runs and the pin is not removed.</p>
      {act.error && <p role="alert" className="bad">{act.error.message}</p>}
      <footer>
        {shard.pinned_to && <button type="button" className="quiet" disabled={act.isBusy} onClick={() => void does(() => ask('DELETE', `/api/v1/shards/${shard.shard}/pin`))}>Remove the pin</button>}
        {others.length > 0 && <>
          <label className="field"><span>Move to</span><select value={to} onChange={change => setTo(change.target.value)}>{others.map(node => <option key={node.node}>{node.node}</option>)}</select></label>
          <button type="button" disabled={act.isBusy || to === ''} onClick={() => void does(() => ask('POST', `/api/v1/shards/${shard.shard}/move`, { to }))}>Move</button>
        </>}
      </footer>
    </Dialog>
  );
}
