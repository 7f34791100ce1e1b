/** A node as `GET /api/v1/nodes` tells it. */
export interface NodeInfo {
  readonly node: string;
  /** The one that answered. */
  readonly asked: boolean;
  readonly state: string;
  readonly version?: string;
  readonly address?: string;
  readonly started_at?: string;
  readonly load?: number;
  readonly answers: boolean;
  readonly connections?: number;
  readonly connections_by_dialect?: Readonly<Record<string, number>>;
  readonly connection_limit?: number;
  readonly channels?: number;
  readonly shards?: number;
  readonly shards_moving?: number;
  readonly memory_bytes?: number;
  readonly cpu_seconds?: number;
  readonly drain?: string;
  readonly ready?: boolean;
  readonly reasons?: Readonly<Record<string, string>>;
}

export interface NodesAnswer {
  readonly nodes: readonly NodeInfo[];
  readonly nodes_missing?: readonly string[];
}

export interface Shard {
  readonly shard: number;
  readonly owner?: string | null;
  readonly state: string;
  readonly fence?: number;
  readonly to?: string | null;
  readonly pinned_to?: string | null;
}

export interface ShardsAnswer {
  readonly shards: readonly Shard[];
  readonly nodes_missing?: readonly string[];
}

export interface AuditEntry {
  readonly at: string;
  readonly node: string;
  readonly who: string;
  readonly from: string;
  readonly act: string;
  readonly target: string;
  readonly result: string;
  readonly detail?: string;
}

/** States in which a shard is on its way to another node. */
const MOVING = new Set(['preparing', 'draining', 'handing_over', 'refencing']);

export const isMoving = (shard: Shard): boolean => MOVING.has(shard.state) || (shard.to !== undefined && shard.to !== null);

/** Colours that tell owners apart; nodes keep theirs as long as the names stay the same. */
export const OWNER_COLORS = 8;

export function colorsOf(nodes: Iterable<string>): ReadonlyMap<string, number> {
  return new Map([...new Set(nodes)].sort().map((node, index) => [node, index % OWNER_COLORS]));
}

/** A sum of what is known; undefined when nothing is. */
export function total(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((so, value) => so + value, 0);
}
