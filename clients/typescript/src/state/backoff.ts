/**
 * Delay before a try: between 0 and `baseMs` doubled with every try, at most `maxMs`, evenly spread ("full jitter": of all spreads it brings a crowd of
 * clients back with the fewest collisions, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 * @param attempt tries so far, from 0
 * @param random from 0 up to, not including, 1
 */
export const backoff = (attempt: number, baseMs: number, maxMs: number, random: number): number =>
  Math.floor(random * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30)));
