/** Anything thrown, as an error. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** 1234567 → `1,234,567`; what is not known → `–`. */
export const count = (value: number | undefined): string => (value === undefined || !Number.isFinite(value) ? '–' : numbers.format(value));

/** 12345 → `12.3K`. */
export const compact = (value: number | undefined): string => (value === undefined || !Number.isFinite(value) ? '–' : value < 10 && value % 1 !== 0 ? value.toFixed(1) : short.format(value));

/** Bytes → `12.3 MiB`. */
export function bytes(value: number | undefined): string {
  if (value === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let amount = value;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${amount < 10 && unit > 0 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`;
}

/** Seconds → `0.4 ms`, `1.2 s`. */
export function seconds(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (value < 0.001) return `${Math.max(value * 1000, 0).toFixed(2)} ms`;
  if (value < 1) return `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
  return `${value.toFixed(1)} s`;
}

/** How long ago: `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(then: string | number | undefined, now: number): string {
  const at = then === undefined ? Number.NaN : new Date(then).getTime();
  if (Number.isNaN(at)) return '–';
  const passed = Math.max(0, Math.round((now - at) / 1000));
  if (passed < 60) return `${passed} s`;
  if (passed < 3600) return `${Math.floor(passed / 60)} min`;
  if (passed < 86_400) return `${Math.floor(passed / 3600)} h`;
  return `${Math.floor(passed / 86_400)} d`;
}

/** Time of day with milliseconds, here. */
export function clock(ms: number): string {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) return '';
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}
