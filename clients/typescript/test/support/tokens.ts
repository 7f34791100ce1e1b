import { createHmac, randomBytes } from 'node:crypto';

export const secret = randomBytes(32).toString('base64url');

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token of this suite's key. */
export function tokenOf(sub: string, jti: string, seconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, jti, iat: now, exp: now + seconds })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
