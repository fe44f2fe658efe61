// Builds the browser's code into app/static/dist/ (git-ignored): the harness, the site's page scripts, ALTCHA's files.

import { build } from 'esbuild';
import { cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(root, 'app/static');
const output = path.join(source, 'dist');
const HARNESS = ['embed.js', 'inner.js'];
// Modules are strict, and bundles of them must stay so: from a sloppy function a sloppy kernel would get at its caller
// with its arguments, one of which is the event that knows the worker's port.
const common = {
  banner: { js: '"use strict";' },
  bundle: true, minify: true, format: 'iife', platform: 'browser', target: ['es2022'], charset: 'utf8',
  legalComments: 'none', logLevel: 'warning', absWorkingDir: root,
};

// `import text from 'worker:./x.js'` gives the bundle of x.js as text: workers are made from it without a request.
const workerText = {
  name: 'worker-text',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^worker:/ }, ({ path: name, resolveDir }) => ({
      path: path.resolve(resolveDir, name.slice('worker:'.length)), namespace: 'worker-text',
    }));
    onLoad({ filter: /.*/, namespace: 'worker-text' }, async ({ path: entry }) => {
      const { outputFiles } = await build({ ...common, entryPoints: [entry], write: false });
      return { contents: outputFiles[0].text, loader: 'text' };
    });
  },
};

function buildHarness() {
  const harness = path.join(source, 'harness');
  return Promise.all([
    build({ ...common, entryPoints: [path.join(harness, 'embed.js')], outdir: output, sourcemap: 'linked' }),
    build({ ...common, entryPoints: [path.join(harness, 'inner.js')], outdir: output, plugins: [workerText] }),
  ]);
}

async function buildPages() {
  const folder = path.join(source, 'js');
  const names = await readdir(folder).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const taken = names.find((name) => HARNESS.includes(name));
  if (taken) throw new Error(`app/static/js/${taken} would overwrite the harness' ${taken}: give it another name`);
  const entryPoints = names.filter((name) => name.endsWith('.js')).map((name) => path.join(folder, name));
  if (entryPoints.length > 0) await build({ ...common, entryPoints, outdir: output, sourcemap: 'linked' });
}

// The widget's script is bundled by the page that imports 'altcha/external'; its style and workers are files, since
// the site's policy allows neither inline styles nor workers made from text.
function copyAltcha() {
  const from = path.join(root, 'node_modules/altcha/dist');
  return Promise.all([
    cp(path.join(from, 'external/altcha.css'), path.join(output, 'altcha/altcha.css')),
    cp(path.join(from, 'workers'), path.join(output, 'altcha/workers'), { recursive: true }),
  ]);
}

await mkdir(output, { recursive: true });
await Promise.all([buildHarness(), buildPages(), copyAltcha()]);
