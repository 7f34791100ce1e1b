// The package as it is shipped: types, size, entry points; and the guide's code, compiled and run.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { startNode } from './support/node.js';

const root = process.cwd();
const guide = join(root, '../../docs/sdk-typescript.md');
const run = promisify(execFile);

/** Most bytes of the client, minified and packed. */
const MOST = 10_000;

// Beside node_modules, so that what is compiled there finds its packages.
let folder = '';
before(async () => void (folder = await mkdtemp(join(root, 'build', 'guide-'))));
after(() => rm(folder, { recursive: true, force: true }));

interface Block {
  readonly kind: string;
  readonly code: string;
}

async function blocksOf(page: string): Promise<Block[]> {
  return [...(await readFile(page, 'utf8')).matchAll(/^```(\S+(?: run)?)\n(.*?)^```$/gms)].map(([, kind, code]) => ({ kind: kind!, code: code! }));
}

async function compiles(files: readonly string[], more: object = {}): Promise<void> {
  const config = join(folder, 'tsconfig.json');
  await writeFile(config, JSON.stringify({ extends: join(root, 'tsconfig.json'), include: [join(root, 'src'), join(root, 'test'), ...files], ...more }));
  await run(process.execPath, [join(root, 'node_modules/typescript/lib/tsc.js'), '-p', config]).catch((error: { stdout: string }) => assert.fail(error.stdout));
}

test('sources, tests and the code of the guide compile, strictly', async () => {
  const blocks = (await blocksOf(guide)).filter(block => /^tsx?\b/.test(block.kind));
  assert.ok(blocks.length >= 7, 'the guide has code');
  for (const [i, { kind, code }] of blocks.entries()) await writeFile(join(folder, `block${i}.${kind.split(' ')[0]}`), `${code}\nexport {};\n`);
  await compiles([folder]);
});

test('the code of the guide prints what it says', async t => {
  const node = await startNode();
  t.after(() => node.kill());
  const blocks = await blocksOf(guide);
  let count = 0;
  for (const [i, { kind, code }] of blocks.entries()) {
    if (kind !== 'ts run') continue;
    const outfile = join(folder, `run${i}.mjs`);
    await build({
      stdin: { contents: code.replaceAll('http://127.0.0.1:8080', node.url), loader: 'ts', resolveDir: root },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      alias: { '@actorrelay/client': './src/index.ts' },
      // Node 22 has it.
      banner: { js: `import { WebSocket as Ws } from ${JSON.stringify(pathToFileURL(join(root, 'node_modules/ws/wrapper.mjs')).href)}; globalThis.WebSocket ??= Ws;` },
    });
    assert.equal((await run(process.execPath, [outfile])).stdout, blocks[i + 1]!.code);
    count++;
  }
  assert.equal(count, 2);
});

test(`the client is less than ${MOST} bytes, and the guide says how many`, async () => {
  const sizes = [await packed('src/index.ts', ['./transport/sse.js', './transport/http.js']), await packed('src/transport/sse.ts', []), await packed('src/react/index.ts', ['react', './transport/sse.js', '../transport/http.js', './transport/http.js'])];
  assert.ok(sizes[0]! < MOST, `the client is ${sizes[0]} bytes`);
  const said = [...(await readFile(guide, 'utf8')).matchAll(/^\| [^|]+ \| ([\d,]+) \|$/gm)].map(([, number]) => Number(number!.replaceAll(',', '')));
  for (const [i, size] of sizes.entries()) assert.ok(Math.abs(size - said[i]!) <= size / 20, `docs/sdk-typescript.md says ${said.join(', ')} bytes; measured: ${sizes.join(', ')}`);
});

async function packed(entry: string, external: string[]): Promise<number> {
  const { outputFiles } = await build({ entryPoints: [join(root, entry)], bundle: true, minify: true, format: 'esm', target: 'es2022', external, write: false, logLevel: 'silent' });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

test('what is published has its entry points, and runs without React, a page, or a dependency', async t => {
  const { exports, dependencies, files } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { types: string; default: string }>; dependencies?: object; files: string[];
  };
  assert.equal(dependencies, undefined);
  assert.deepEqual(files, ['dist', 'README.md']);
  const place = await mkdtemp(join(tmpdir(), 'relay-package-'));
  t.after(() => rm(place, { recursive: true, force: true }));
  await run(process.execPath, [join(root, 'node_modules/typescript/lib/tsc.js'), '-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', join(place, 'dist')]);
  await writeFile(join(place, 'package.json'), JSON.stringify({ type: 'module' }));
  for (const name of ['.', './react']) for (const path of [exports[name]!.types, exports[name]!.default]) assert.ok((await readFile(join(place, path))).length > 0, path);
  assert.ok((await readdir(join(place, 'dist/transport'))).includes('sse.js'));
  // No React is to be found from there: the client itself must not ask for it.
  const child = spawn(process.execPath, ['--input-type=module', '-e', `import { RelayClient } from ${JSON.stringify(pathToFileURL(join(place, 'dist/index.js')).href)}; console.log(new RelayClient('http://127.0.0.1:1').status.phase)`]);
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(output.toString(), 'idle\n');
});
