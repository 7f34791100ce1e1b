import type { ReactElement } from 'react';
import { Dialog } from '../ui/Dialog';
import { PAGES } from './pages';

const GENERAL: readonly (readonly [string, string])[] = [['?', 'This list'], ['t', 'Light, dark, or as the system'], ['Esc', 'Close a dialog or the inspection']];
const LIVE: readonly (readonly [string, string])[] = [
  ['/', 'Search'], ['p', 'Hold and go on'], ['c', 'Clear the list'], ['↑ ↓', 'Choose an event'], ['Enter', 'Inspect it'],
];

/** All keys. */
export function Shortcuts({ onClose }: { onClose(): void }): ReactElement {
  const table = (title: string, keys: readonly (readonly [string, string])[]): ReactElement => (
    <section>
      <h3>{title}</h3>
      <dl className="keys">{keys.map(([key, does]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{does}</dd></div>)}</dl>
    </section>
  );
  return (
    <Dialog title="Keys" onClose={onClose}>
      {table('Pages', PAGES.map((page, index) => [String(index + 1), `${page.name}: ${page.does.toLowerCase()}`]))}
      {table('On the live page', LIVE)}
      {table('Everywhere', GENERAL)}
    </Dialog>
  );
}
