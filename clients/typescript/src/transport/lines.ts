/** One event of an event stream. */
export interface StreamEvent {
  readonly name: string;
  readonly data: string;
}

/** Longest line that is read; a stream that sends a longer one is not one. */
const LONGEST = 16 * 1024 * 1024;

/** Reads `text/event-stream` (WHATWG HTML, 9.2) from pieces of text, however they are cut. Ids and `retry` are not needed: positions say where to go on. */
export class StreamReader {
  #rest = '';
  #name = '';
  #data: string[] = [];

  /** The events that this piece completes. */
  read(piece: string): StreamEvent[] {
    // A CR at the end may be half of a CRLF: it waits.
    const text = this.#rest + piece;
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = lines.pop()! + text.slice(end);
    if (this.#rest.length > LONGEST) throw new RangeError('A line of the event stream is too long');
    return lines.flatMap(line => this.#line(line) ?? []);
  }

  #line(line: string): StreamEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
    return undefined;
  }

  #dispatch(): StreamEvent | undefined {
    const event = this.#data.length === 0 ? undefined : { name: this.#name || 'message', data: this.#data.join('\n') };
    this.#name = '';
    this.#data = [];
    return event;
  }
}
