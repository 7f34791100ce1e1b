import { useEffect, useState } from 'react';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'relay.theme';
const ORDER: readonly Theme[] = ['auto', 'light', 'dark'];

/** Light or dark as the system says, until somebody chooses. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(read);
  useEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Storage is forbidden here: it lasts as long as the page.
    }
    dispatchEvent(new Event('relay:theme'));
  }, [theme]);
  return [theme, () => setTheme(so => ORDER[(ORDER.indexOf(so) + 1) % ORDER.length]!)];
}

function read(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : 'auto';
  } catch {
    return 'auto';
  }
}
