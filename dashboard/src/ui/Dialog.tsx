import { useEffect, useId, useRef, type ReactElement, type ReactNode } from 'react';

/** A modal dialog: the browser's own, which keeps the focus inside, closes with Escape and gives the focus back. */
export function Dialog({ title, onClose, children, isWide }: { title: string; onClose(): void; children: ReactNode; isWide?: boolean }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const element = dialog.current!;
    if (!element.open) element.showModal();
    return () => element.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={heading} className={isWide ? 'wide' : undefined} onClose={onClose} onCancel={onClose}>
      <header>
        <h2 id={heading}>{title}</h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>✕</button>
      </header>
      {children}
    </dialog>
  );
}

/** Asks before something is done that others feel. */
export function Confirm({ title, action, isBusy, error, onConfirm, onClose, children }: {
  title: string; action: string; isBusy: boolean; error: Error | undefined; onConfirm(): void; onClose(): void; children: ReactNode;
}): ReactElement {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="body">{children}</div>
      {error && <p role="alert" className="bad">{error.message}</p>}
      <footer>
        <button type="button" className="quiet" onClick={onClose}>Cancel</button>
        <button type="button" className="danger" disabled={isBusy} onClick={onConfirm}>{action}</button>
      </footer>
    </Dialog>
  );
}
