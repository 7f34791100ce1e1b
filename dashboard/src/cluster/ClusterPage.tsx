import { useMemo, useState, type ReactElement } from 'react';
import { ask } from '../app/api';
import { usePoll } from '../app/poll';
import { age, bytes, count } from '../app/text';
import { useAct } from '../ui/act';
import { Confirm } from '../ui/Dialog';
import { Missing, Notice } from '../ui/Notice';
import { colorsOf, isMoving, type AuditEntry, type NodeInfo, type NodesAnswer, type Shard, type ShardsAnswer } from './model';
import { ShardDialog } from './ShardDialog';
import { ShardGrid } from './ShardGrid';

type Wish = { readonly node: NodeInfo; readonly act: 'drain' | 'undrain' };

/** Nodes, which of them owns which shard, and what operators may do to them. */
export function ClusterPage(): ReactElement {
  const nodes = usePoll('nodes', signal => ask<NodesAnswer>('GET', '/api/v1/nodes', undefined, signal), 1000);
  const shards = usePoll('shards', signal => ask<ShardsAnswer>('GET', '/api/v1/shards', undefined, signal), 1000);
  const audit = usePoll('audit', signal => ask<{ entries: readonly AuditEntry[] }>('GET', '/api/v1/audit?limit=20', undefined, signal), 5000);
  const [wish, setWish] = useState<Wish | undefined>();
  const [shard, setShard] = useState<number | undefined>();
  const [keepClients, setKeepClients] = useState(false);
  const act = useAct();
  const names = (nodes.value?.nodes ?? []).map(node => node.node).join();
  const colors = useMemo(() => colorsOf(names === '' ? [] : names.split(',')), [names]);
  const list = shards.value?.shards ?? [];
  const moving = list.filter(isMoving);
  const close = (): void => {
    setWish(undefined);
    act.forget();
  };
  const confirm = async (): Promise<void> => {
    if (!wish) return;
    const path = `/api/v1/nodes/${encodeURIComponent(wish.node.node)}/${wish.act}`;
    if (await act.run(() => ask('POST', path, wish.act === 'drain' ? { keep_clients: keepClients } : {}))) {
      close();
      nodes.again();
      audit.again();
    }
  };
  const chosen: Shard | undefined = list.find(one => one.shard === shard);
  return (
    <>
      <h1>Cluster</h1>
      <Notice error={nodes.error} what="Nodes" />
      <Missing nodes={nodes.value?.nodes_missing} />
      {nodes.value && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Nodes">
          <table>
            <caption>Nodes</caption>
            <thead><tr><th scope="col">Node</th><th scope="col">State</th><th scope="col" className="number">Connections</th><th scope="col" className="number">Channels</th><th scope="col" className="number">Shards</th><th scope="col" className="number">Memory</th><th scope="col">Up for</th><th scope="col">Version</th><th scope="col"><span className="hidden">Act</span></th></tr></thead>
            <tbody>{nodes.value.nodes.map(node => <NodeRow key={node.node} node={node} color={colors.get(node.node)} onAct={setWish} />)}</tbody>
          </table>
        </div>
      )}
      <section>
        <h2>Shards</h2>
        <Notice error={shards.error} what="Shards" />
        {shards.value && list.length === 0 && <p className="faint">This node is no part of a cluster (<code>Cluster:Enabled</code>): it serves every channel itself.</p>}
        {list.length > 0 && <>
          <p role="status">{moving.length === 0 ? 'Nothing moves.' : `${moving.length} on the move: ${moving.slice(0, 5).map(one => `${one.shard} ${one.owner ?? '?'} → ${one.to ?? '?'}`).join(', ')}${moving.length > 5 ? ' …' : ''}`}</p>
          <ShardGrid shards={list} colors={colors} onOpen={setShard} />
        </>}
      </section>
      {audit.value && audit.value.entries.length > 0 && (
        <section>
          <h2 id="audit">What operators did</h2>
          <div className="scroll" tabIndex={0} role="region" aria-labelledby="audit">
            <table>
              <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">Act</th><th scope="col">On</th><th scope="col">Result</th></tr></thead>
              <tbody>{audit.value.entries.map((entry, index) => (
                <tr key={`${entry.at} ${index}`}><td>{age(entry.at, Date.now())} ago</td><td>{entry.who || 'this machine'}</td><td>{entry.act}</td><td>{entry.target}</td><td className={entry.result === 'done' ? 'good' : 'bad'}>{entry.result}</td></tr>
              ))}</tbody>
            </table>
          </div>
        </section>
      )}
      {wish && (
        <Confirm title={wish.act === 'drain' ? `Drain ${wish.node.node}?` : `Take ${wish.node.node} in again?`} action={wish.act === 'drain' ? 'Drain' : 'Undrain'} isBusy={act.isBusy} error={act.error} onConfirm={() => void confirm()} onClose={close}>
          {wish.act === 'drain' ? <>
            <p>It takes no new connections; its {count(wish.node.shards)} shards go to other nodes, then its {count(wish.node.connections)} clients. It stays a member until it is undrained or stopped.</p>
            <label><input type="checkbox" checked={keepClients} onChange={change => setKeepClients(change.target.checked)} /> Its clients stay, and are served from there</label>
          </> : <p>Shards that belong to it come back, and it takes connections again.</p>}
        </Confirm>
      )}
      {chosen && <ShardDialog shard={chosen} nodes={nodes.value?.nodes ?? []} onClose={() => setShard(undefined)} onDone={() => shards.again()} />}
    </>
  );
}

function NodeRow({ node, color, onAct }: { node: NodeInfo; color: number | undefined; onAct(wish: Wish): void }): ReactElement {
  const isDrained = node.drain !== undefined && node.drain !== 'none';
  const state = !node.answers ? 'does not answer' : isDrained ? node.drain! : node.ready === false ? 'not ready' : node.state;
  const reasons = Object.entries(node.reasons ?? {}).map(([part, why]) => `${part}: ${why}`).join('; ');
  return (
    <tr>
      <th scope="row"><span className={`swatch owner-${color ?? 'none'}`} aria-hidden="true" />{node.node}{node.asked && <span className="faint"> (this one)</span>}</th>
      <td className={node.answers && !isDrained && node.ready !== false ? 'good' : 'warn'} title={reasons}>{state}</td>
      <td className="number">{count(node.connections ?? node.load)}</td>
      <td className="number">{count(node.channels)}</td>
      <td className="number">{count(node.shards)}{(node.shards_moving ?? 0) > 0 && <span className="warn"> {count(node.shards_moving)} moving</span>}</td>
      <td className="number">{bytes(node.memory_bytes)}</td>
      <td>{age(node.started_at, Date.now())}</td>
      <td>{node.version?.split('+')[0]}</td>
      <td>{node.state !== 'alone' && (
        <button type="button" className="quiet" onClick={() => onAct({ node, act: isDrained ? 'undrain' : 'drain' })}>{isDrained ? 'Undrain' : 'Drain'}<span className="hidden"> {node.node}</span></button>
      )}</td>
    </tr>
  );
}
