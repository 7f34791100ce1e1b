// Bundles every test, with the sources it tests, into build/test: Node 20 runs no TypeScript. Types are checked by a test of their own.
import { build } from 'esbuild';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tests = readdirSync(join(root, 'test')).filter(name => /\.test\.tsx?$/.test(name));
rmSync(join(root, 'build'), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: tests.map(name => join('test', name)),
  outdir: 'build/test',
  bundle: true,
  packages: 'external',
  // The package under its own name is the source.
  alias: { '@actorrelay/client': './src/index.ts', '@actorrelay/client/react': './src/react/index.ts' },
  platform: 'node',
  format: 'esm',
  target: 'node20',
  jsx: 'automatic',
  sourcemap: 'inline',
  logLevel: 'warning',
});
