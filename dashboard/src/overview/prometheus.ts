/** Series of one name: labels as they stand between the braces, and the value. */
export type Series = readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];

/** Reads the series of these names from Prometheus' text format. Names that are not there have no series. */
export function read(text: string, names: ReadonlySet<string>): ReadonlyMap<string, Series> {
  const found = new Map<string, { labels: Record<string, string>; value: number }[]>();
  for (const line of text.split('\n')) {
    const end = line.search(/[ {]/);
    if (end <= 0 || line.startsWith('#')) continue;
    const name = line.slice(0, end);
    if (!names.has(name)) continue;
    const close = line[end] === '{' ? line.lastIndexOf('}') : end - 1;
    const value = Number(line.slice(close + 1).trim().split(' ')[0]!.replace('+Inf', 'Infinity'));
    const series = found.get(name) ?? [];
    series.push({ labels: labelsOf(line.slice(end + 1, Math.max(close, end))), value });
    found.set(name, series);
  }
  return found;
}

/** The sum of a name's series; undefined where there is none. */
export function sum(series: Series | undefined, ...where: readonly (readonly [string, string])[]): number | undefined {
  const chosen = series?.filter(({ labels }) => where.every(([label, value]) => labels[label] === value));
  return chosen && chosen.length > 0 ? chosen.reduce((so, { value }) => so + value, 0) : undefined;
}

/** Cumulative counts by upper bound, of all series of a histogram together, in the order of the bounds. */
export type Buckets = readonly (readonly [bound: number, count: number])[];

export function buckets(series: Series | undefined): Buckets {
  const counts = new Map<number, number>();
  for (const { labels, value } of series ?? []) {
    const bound = Number((labels.le ?? '').replace('+Inf', 'Infinity'));
    if (!Number.isNaN(bound)) counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return [...counts].sort(([one], [other]) => one - other);
}

/**
 * The value below which this share of what happened between two readings lies, interpolated inside its bucket as Prometheus' histogram_quantile does; of the last bucket, which has
 * no end, its lower bound. Undefined when nothing happened.
 */
export function quantile(share: number, before: Buckets, after: Buckets): number | undefined {
  const earlier = new Map(before);
  const delta = after.map(([bound, count]) => [bound, Math.max(0, count - (earlier.get(bound) ?? 0))] as const);
  const total = delta.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = share * total;
  const index = delta.findIndex(([, count]) => count >= rank);
  const [bound, count] = delta[index]!;
  const [lower, below] = index === 0 ? [0, 0] : delta[index - 1]!;
  if (bound === Infinity) return lower;
  return count === below ? bound : lower + ((bound - lower) * (rank - below)) / (count - below);
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) labels[name!] = value!.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  return labels;
}
