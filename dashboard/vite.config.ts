import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const client = (path: string): string => fileURLToPath(new URL(`../clients/typescript/src/${path}`, import.meta.url));

/** `x.br` and `x.gz` beside every `x` that becomes smaller by it: the node sends them as they are. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    // Of the files as they were written: Vite still changes them after every other hook.
    writeBundle({ dir }, bundle) {
      for (const file of Object.keys(bundle).map(name => join(dir!, name))) {
        const bytes = readFileSync(file);
        const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
        if (brotli.length < bytes.length) writeFileSync(`${file}.br`, brotli);
        const gzip = gzipSync(bytes, { level: 9 });
        if (gzip.length < bytes.length) writeFileSync(`${file}.gz`, gzip);
      }
    },
  };
}

export default defineConfig({
  plugins: [compressed()],
  resolve: {
    // The package under its own name is the source, which lies beside: nothing has to be built before.
    alias: [
      { find: '@actorrelay/client/react', replacement: client('react/index.ts') },
      { find: '@actorrelay/client', replacement: client('index.ts') },
    ],
    dedupe: ['react', 'react-dom'],
  },
  // Nothing may be inline: the node's content security policy allows its own files only.
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false,
    // The client's hooks say 'use client', for bundlers of other frameworks.
    rolldownOptions: { onLog: (level, log, tell) => log.code === 'MODULE_LEVEL_DIRECTIVE' ? undefined : tell(level, log) } },
  server: {
    proxy: Object.fromEntries(['/api', '/page', '/metrics', '/sse', '/ready'].map(path => [path, 'http://127.0.0.1:8080']).concat([['/relay', 'ws://127.0.0.1:8080']])
      .map(([path, target]) => [path, { target, ws: path === '/relay' }])),
  },
});
