import { useRealtimeMetrics } from '@actorrelay/client/react';
import { useMemo, type ReactElement } from 'react';
import { ask, askText } from '../app/api';
import { usePoll } from '../app/poll';
import { bytes, compact, count, seconds } from '../app/text';
import { total, type NodesAnswer } from '../cluster/model';
import { Missing, Notice } from '../ui/Notice';
import { Chart } from './Chart';
import { known, take } from './history';
import type { Sample } from './samples';

const EVERY_MS = 2000;

interface Status {
  readonly version: string;
  readonly status: string;
  readonly reasons: Readonly<Record<string, string>>;
  readonly connections: number;
}

/** The relay at a glance: figures of now, and charts of the last half hour. */
export function DashboardPage(): ReactElement {
  const { metrics } = useRealtimeMetrics();
  const status = usePoll('status', signal => ask<Status>('GET', '/page/status', undefined, signal), EVERY_MS);
  const nodes = usePoll('nodes', signal => ask<NodesAnswer>('GET', '/api/v1/nodes', undefined, signal), EVERY_MS);
  const readings = usePoll('metrics', async signal => take(await askText('/metrics', signal), Date.now(), metrics), EVERY_MS);
  const samples = readings.value ?? known();
  const now = samples.at(-1);
  const up = nodes.value?.nodes.filter(node => node.answers) ?? [];
  const columns = useMemo(() => {
    const of = (name: keyof Sample): (number | null)[] => samples.map(one => one[name]);
    return { times: samples.map(one => one.at), of };
  }, [samples]);
  const lines = useMemo(() => ({
    connections: [{ name: 'open', color: '--c0', values: columns.of('connections') }],
    messages: [
      { name: 'in', color: '--c0', values: columns.of('received') },
      { name: 'out', color: '--c1', values: columns.of('sent') },
      { name: 'accepted', color: '--c2', values: columns.of('published') },
    ],
    latency: [
      { name: 'p50', color: '--c2', values: columns.of('p50') },
      { name: 'p95', color: '--c1', values: columns.of('p95') },
      { name: 'p99', color: '--c3', values: columns.of('p99') },
    ],
    work: [
      { name: 'agents', color: '--c0', values: columns.of('agents') },
      { name: 'running tasks', color: '--c1', values: columns.of('tasks') },
    ],
  }), [columns]);
  const reasons = Object.entries(status.value?.reasons ?? {}).map(([part, why]) => `${part}: ${why}`).join('; ');
  const trouble = up.filter(node => node.ready === false);
  return (
    <>
      <h1>Dashboard</h1>
      <Notice error={status.error} what="The node's state" />
      <Missing nodes={nodes.value?.nodes_missing} />
      {(reasons !== '' || trouble.length > 0) && <p className="notice bad" role="alert">Not ready: {reasons !== '' ? reasons : trouble.map(node => node.node).join(', ')}</p>}
      <dl className="cards">
        <Card name="Connections" value={count(total(up.map(node => node.connections)) ?? status.value?.connections)} more={up.length > 1 ? `on ${up.length} nodes` : ''} />
        <Card name="Messages in" value={rate(now?.received)} more="this node" />
        <Card name="Messages out" value={rate(now?.sent)} more="this node" />
        <Card name="Events accepted" value={rate(now?.published)} more="this node" />
        <Card name="Delivery p50" value={seconds(now?.p50 ?? undefined)} more="accepted to sockets" />
        <Card name="Delivery p99" value={seconds(now?.p99 ?? undefined)} more="accepted to sockets" />
        <Card name="Agents" value={count(metrics?.active_agents)} more={metrics ? `${count(metrics.active_sessions)} sessions` : ''} />
        <Card name="Tasks running" value={count(metrics?.running_tasks)} more={metrics ? `${count(metrics.pending_tasks)} pending` : ''} />
        <Card name="Tasks done" value={count(metrics?.completed_tasks_last_hour)} more="in the last hour" />
        <Card name="Messages" value={count(metrics?.messages_last_hour)} more="in the last hour" />
        <Card name="Nodes" value={nodes.value ? count(up.length) : '–'} more={nodes.value ? `of ${nodes.value.nodes.length}` : ''} />
        <Card name="Memory" value={bytes(total(up.map(node => node.memory_bytes)))} more={status.value?.version.split('+')[0] ?? ''} />
      </dl>
      <Notice error={nodes.error} what="The cluster's figures" />
      {readings.error && <p className="notice" role="status">Charts need <code>/metrics</code>, which this node does not show here: {readings.error.message}. It does to its own machine, to <code>Metrics:Networks</code>, and to API keys with the right <code>metrics</code>.</p>}
      <div className="charts">
        <Chart title="Connections of this node" times={columns.times} lines={lines.connections} format={compact} />
        <Chart title="Messages per second, this node" times={columns.times} lines={lines.messages} format={compact} />
        <Chart title="Delivery, from accepted to the sockets" times={columns.times} lines={lines.latency} format={seconds} />
        <Chart title="Agents and tasks" times={columns.times} lines={lines.work} format={compact} />
      </div>
    </>
  );
}

const rate = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : `${compact(Math.round(value * 10) / 10)}/s`);

function Card({ name, value, more }: { name: string; value: string; more: string }): ReactElement {
  return <div className="card"><dt>{name}</dt><dd><strong>{value}</strong> <span className="faint">{more}</span></dd></div>;
}
