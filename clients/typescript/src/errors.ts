/**
 * A refusal or failure. `code` is the relay's (`NOT_AUTHORIZED`, `INVALID_CHANNEL`, `VERSION_MISMATCH`, …) or one of the client's own:
 * `QUEUE_FULL`, `TOO_LARGE`, `TIMEOUT`, `CLOSED`, `DISCONNECTED`, `UNAUTHORIZED`, `CONNECTION_REFUSED`, `INVALID_MESSAGE`.
 */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  /** Where trying again later can help: after so many milliseconds. */
  declare readonly retryAfterMs?: number;
  /** `VERSION_MISMATCH`: where the key stands, null when it has no value. */
  declare readonly current?: { readonly epoch: string; readonly offset: number } | null;

  constructor(
    readonly code: string,
    message: string,
    more: Pick<RelayError, 'retryAfterMs' | 'current'> = {},
  ) {
    super(message);
    if (more.retryAfterMs !== undefined) this.retryAfterMs = more.retryAfterMs;
    if (more.current !== undefined) this.current = more.current;
  }
}

/** Anything thrown, as an error. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
