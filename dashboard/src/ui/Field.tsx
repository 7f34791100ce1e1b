import { useEffect, useId, useState, type ReactElement } from 'react';

/** A text field with its label. `delayMs`: what is written is told when the writing pauses. */
export function Field({ label, value, onChange, placeholder, list, delayMs = 0, id, isWide }: {
  label: string; value: string; onChange(value: string): void; placeholder?: string; list?: readonly string[]; delayMs?: number; id?: string; isWide?: boolean;
}): ReactElement {
  const own = useId();
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  if (known !== value) {
    setKnown(value);
    setText(value);
  }
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => onChange(text), delayMs);
    return () => clearTimeout(timer);
  }, [text, value, delayMs, onChange]);
  return (
    <label className={isWide ? 'field wide' : 'field'}>
      <span>{label}</span>
      <input id={id} value={text} placeholder={placeholder} list={list ? own : undefined} spellCheck={false} autoComplete="off" onChange={change => setText(change.target.value)} />
      {list && <datalist id={own}>{list.map(one => <option key={one} value={one} />)}</datalist>}
    </label>
  );
}
