import { memo, type ReactElement } from 'react';
import { isMoving, type Shard } from './model';

/** A field per shard, in its owner's colour; one that moves is marked, and says so. */
export const ShardGrid = memo(function ShardGrid({ shards, colors, onOpen }: { shards: readonly Shard[]; colors: ReadonlyMap<string, number>; onOpen(shard: number): void }): ReactElement {
  const owners = [...colors].map(([node, color]) => ({ node, color, count: shards.filter(shard => shard.owner === node).length }));
  return (
    <>
      <ul className="legend">{owners.map(({ node, color, count }) => <li key={node}><span className={`swatch owner-${color}`} aria-hidden="true" />{node}: {count}</li>)}</ul>
      <ul className="shards">
        {shards.map(shard => {
          const color = shard.owner ? colors.get(shard.owner) : undefined;
          const said = `Shard ${shard.shard}: ${shard.owner ?? 'nobody'}, ${shard.state.replaceAll('_', ' ')}${shard.to ? `, to ${shard.to}` : ''}${shard.pinned_to ? `, pinned to ${shard.pinned_to}` : ''}`;
          return (
            <li key={shard.shard}>
              <button type="button" className={`shard owner-${color ?? 'none'}${isMoving(shard) ? ' moving' : ''}${shard.pinned_to ? ' pinned' : ''}`} title={said} aria-label={said} onClick={() => onOpen(shard.shard)}>{shard.shard}</button>
            </li>
          );
        })}
      </ul>
    </>
  );
});
