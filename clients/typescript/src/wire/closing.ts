/** What a client does after a close; decided from the code alone. The table is the relay's (CloseCode.cs). */
export type AfterClose = 'now' | 'backoff' | 'token' | 'never';

export const ABNORMAL = 1006;
export const UNAUTHORIZED = 4401;
export const FORBIDDEN = 4403;

const TABLE: ReadonlyMap<number, AfterClose> = new Map<number, AfterClose>([
  [1000, 'never'], // closed on purpose
  [1001, 'now'], // the node goes away
  [1002, 'never'],
  [1003, 'never'],
  [1007, 'never'],
  [1008, 'never'],
  [1009, 'never'],
  [1010, 'never'],
  [1012, 'now'], // planned hand-over
  [4000, 'now'], // nothing was heard from us in time
  [4400, 'never'],
  [UNAUTHORIZED, 'token'],
  [FORBIDDEN, 'never'],
  [4409, 'never'], // the session goes on elsewhere
  [4412, 'now'], // the node lost our place: resume from the last offset
]);

/** Unknown codes, overload (1013), a slow consumer (1013) and broken connections (1006): come back with growing delays. */
export const afterClose = (code: number): AfterClose => TABLE.get(code) ?? 'backoff';
