// Bundles every test, with the sources it tests, into build/test: Node 20 runs no TypeScript.
import { build } from 'esbuild';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
rmSync(join(root, 'build'), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: readdirSync(join(root, 'test')).filter(name => name.endsWith('.test.ts')).map(name => join('test', name)),
  outdir: 'build/test',
  bundle: true,
  packages: 'external',
  alias: { '@actorrelay/client': '../clients/typescript/src/index.ts' },
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
});
