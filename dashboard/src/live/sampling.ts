/**
 * Of more than `perSecond` events per second one in n is kept, so that the list reaches back for more than an instant. How many that is follows the rate of the second before;
 * a single burst within that bound is kept whole. Plain data: the time is an argument.
 */
export class Sampling {
  #second = -1;
  #inSecond = 0;
  #count = 0;
  #every = 1;

  constructor(private readonly perSecond: number) {}

  /** One in so many is kept now; 1 = all. */
  get every(): number {
    return this.#every;
  }

  /** Whether the next event is kept. */
  keeps(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#every = second === this.#second + 1 ? Math.max(1, Math.ceil(this.#inSecond / this.perSecond)) : 1;
      this.#second = second;
      this.#inSecond = 0;
    }
    // A rate that rises is followed at once, one that falls with the next second.
    if (++this.#inSecond > this.perSecond * this.#every) this.#every++;
    return this.#every === 1 || this.#count++ % this.#every === 0;
  }
}
