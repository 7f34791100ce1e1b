import { useCallback, useState } from 'react';
import { asError } from '../app/text';

/** Something that is done on a click: whether it is under way, and why it failed. */
export function useAct(): { readonly isBusy: boolean; readonly error: Error | undefined; run(work: () => Promise<unknown>): Promise<boolean>; forget(): void } {
  const [state, setState] = useState<{ isBusy: boolean; error?: Error }>({ isBusy: false });
  const run = useCallback(async (work: () => Promise<unknown>) => {
    setState({ isBusy: true });
    try {
      await work();
      setState({ isBusy: false });
      return true;
    } catch (thrown) {
      setState({ isBusy: false, error: asError(thrown) });
      return false;
    }
  }, []);
  const forget = useCallback(() => setState({ isBusy: false }), []);
  return { isBusy: state.isBusy, error: state.error, run, forget };
}
