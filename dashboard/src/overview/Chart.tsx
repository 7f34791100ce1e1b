import { useEffect, useMemo, useRef, type ReactElement } from 'react';
import uPlot from 'uplot';

export interface Line {
  readonly name: string;
  /** Custom property that names its colour. */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

const HEIGHT_PX = 180;

/** Lines over time. What they show stands in the cards besides, as text. */
export function Chart({ title, times, lines, format }: { title: string; times: readonly number[]; lines: readonly Line[]; format(value: number): string }): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const names = lines.map(line => `${line.name} ${line.color}`).join();
  const shape = useMemo(() => ({ lines, format }), [names, format]);
  useEffect(() => {
    const element = box.current!;
    const draw = (): void => {
      plot.current?.destroy();
      const style = getComputedStyle(element);
      const color = (name: string): string => style.getPropertyValue(name).trim();
      const axis = { stroke: color('--faint'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line'), width: 1 }, font: '11px system-ui' };
      plot.current = new uPlot(
        {
          width: element.clientWidth,
          height: HEIGHT_PX,
          cursor: { y: false },
          legend: { live: true },
          scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
          axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map(shape.format) }],
          series: [
            { value: (_, at) => (at === null ? '–' : new Date(at * 1000).toLocaleTimeString()) },
            ...shape.lines.map(line => ({ label: line.name, stroke: color(line.color), width: 1.75, points: { show: false }, value: (_: uPlot, value: number | null) => (value === null ? '–' : shape.format(value)) })),
          ],
        },
        [[], ...shape.lines.map(() => [])],
        element,
      );
    };
    draw();
    const measure = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    measure.observe(element);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const recolor = (): void => {
      const data = plot.current?.data;
      draw();
      if (data) plot.current!.setData(data);
    };
    dark.addEventListener('change', recolor);
    addEventListener('relay:theme', recolor);
    return () => {
      measure.disconnect();
      dark.removeEventListener('change', recolor);
      removeEventListener('relay:theme', recolor);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData([[...times], ...lines.map(line => [...line.values])]);
  }, [times, lines, shape]);
  const said = lines.map(line => `${line.name} ${line.values.at(-1) === null || line.values.at(-1) === undefined ? 'not known' : format(line.values.at(-1)!)}`).join(', ');
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={`${title}, now: ${said}`} />
    </figure>
  );
}
