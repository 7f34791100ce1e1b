import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactElement, type ReactNode } from 'react';

/**
 * A list of any length whose lines all have the same height: only those in sight, and some around them, are in the document. A list box for keyboards and screen readers.
 */
export function VirtualList({ label, count, rowHeight, selected, keyOf, render, onSelect, onOpen, onScrolledAway }: {
  label: string;
  count: number;
  rowHeight: number;
  /** Line that is chosen; -1 = none. */
  selected: number;
  keyOf(index: number): number;
  render(index: number): ReactNode;
  onSelect(index: number): void;
  onOpen(index: number): void;
  /** Whether the first line is out of sight. */
  onScrolledAway(isAway: boolean): void;
}): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const element = box.current!;
    const measure = new ResizeObserver(() => setHeight(element.clientHeight));
    measure.observe(element);
    return () => measure.disconnect();
  }, []);
  useEffect(() => {
    // A list that became shorter has nothing where it was scrolled to.
    if (box.current && box.current.scrollTop !== top) setTop(box.current.scrollTop);
  }, [count, top]);
  useEffect(() => {
    if (selected < 0) return;
    const element = box.current!;
    if (selected * rowHeight < element.scrollTop) element.scrollTop = selected * rowHeight;
    else if ((selected + 1) * rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = (selected + 1) * rowHeight - element.clientHeight;
  }, [selected, rowHeight]);
  const first = Math.max(0, Math.floor(top / rowHeight) - 4);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + 4);
  const lines = Array.from({ length: Math.max(0, last - first) }, (_, line) => first + line);
  const pressed = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const to = { ArrowDown: selected + 1, ArrowUp: selected - 1, PageDown: selected + page, PageUp: selected - page, Home: 0, End: count - 1 }[event.key];
    if (to !== undefined && count > 0) onSelect(Math.min(count - 1, Math.max(0, to)));
    else if (event.key === 'Enter' && selected >= 0) onOpen(selected);
    else return;
    event.preventDefault();
  };
  return (
    <div
      ref={box} className="virtual" role="listbox" aria-label={label} tabIndex={0}
      aria-activedescendant={selected >= first && selected < last ? `row-${keyOf(selected)}` : undefined}
      onKeyDown={pressed}
      onScroll={scroll => {
        setTop(scroll.currentTarget.scrollTop);
        onScrolledAway(scroll.currentTarget.scrollTop > rowHeight);
      }}
    >
      <div role="presentation" style={{ height: count * rowHeight, position: 'relative' }}>
        {lines.map(index => (
          <div
            key={keyOf(index)} id={`row-${keyOf(index)}`} role="option" aria-selected={index === selected} aria-posinset={index + 1} aria-setsize={count}
            className="row" style={{ transform: `translateY(${index * rowHeight}px)`, height: rowHeight }}
            onClick={() => onOpen(index)}
          >
            {render(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
