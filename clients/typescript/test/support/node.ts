import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const program = process.env.RELAY_NODE_PROGRAM ?? '';
const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')));
// What a file is ended with that hangs: without a listener 'exit' is not told.
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => process.exit(1));

/** A node, as a process of its own. */
export interface RelayNode {
  readonly port: number;
  readonly url: string;
  /** SIGTERM, and its end. */
  leave(): Promise<void>;
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
}

/** Starts a node on a free port; ready when this resolves. Settings as in docs/configuration.md: `{ 'Limits:UnsentBytes': '64KiB' }`. */
export async function startNode(settings: Record<string, string> = {}): Promise<RelayNode> {
  if (program === '') throw new Error('RELAY_NODE_PROGRAM must name a Relay.Node.dll, e.g. of: dotnet publish src/Relay.Node -o OUT');
  const all: Record<string, string> = { 'Listeners:main:Url': 'http://127.0.0.1:0', 'Listeners:hooks:Url': '', 'Listeners:context:Url': '', ...settings };
  const child = spawn('dotnet', [program, ...Object.entries(all).map(([key, value]) => `--Relay:${key}=${value}`)], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const ended = once(child, 'exit').then(() => void running.delete(child));
  let output = '';
  const ready = new Promise<number>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const port = /listening main http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
      if (port && /^ready$/m.test(output)) resolve(Number(port));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', code => reject(new Error(`The node ended with ${code}:\n${output}`)));
  });
  const port = await ready;
  const end = (name: NodeJS.Signals): Promise<void> => {
    child.kill(name);
    return ended;
  };
  return { port, url: `http://127.0.0.1:${port}`, leave: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}
