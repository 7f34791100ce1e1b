import { JSDOM } from 'jsdom';

/** Makes this process a page; to be called before React DOM is imported. */
export function becomePage(): void {
  const { window } = new JSDOM('<!doctype html><body></body>', { url: 'http://localhost/', pretendToBeVisual: true });
  for (const name of ['window', 'document', 'navigator', 'HTMLElement', 'Element', 'Node', 'DocumentFragment', 'MutationObserver', 'getComputedStyle', 'requestAnimationFrame', 'cancelAnimationFrame']) {
    Object.defineProperty(globalThis, name, { value: name === 'window' ? window : window[name as keyof typeof window], configurable: true, writable: true });
  }
}
