// hooks/*.ts → dist/lib (bundled, split), shell files → dist/hooks, dist/libexec and dist/path, etc/ → dist/etc.
// Built beside dist and swapped in, so that a failing build leaves the previous dist as it was.
import { chmod, copyFile, cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(dirname(fileURLToPath(import.meta.url)));

const partial = `dist.partial-${process.pid}`; // by pid: two builds may run at once
const previous = `dist.previous-${process.pid}`;

try {
  await bundle('hooks', join(partial, 'lib'));
  const hooks = await filesIn('hooks');
  const lib = await filesIn('lib', { recursive: true });
  await installPrograms(hooks.filter(isShell), join(partial, 'hooks'));
  await installPrograms(lib.filter(isShell), join(partial, 'libexec'));
  await installPrograms(lib.filter(isUserCommand), join(partial, 'path'));
  await cp('etc', join(partial, 'etc'), { recursive: true }).catch(ignoreAbsent);
  await swap();
} catch (error) {
  if (!error.errors) console.error(error); // esbuild has already printed its own
  process.exitCode = 1;
} finally {
  await rm(partial, { recursive: true, force: true });
  await rm(previous, { recursive: true, force: true });
}

async function bundle(from, outdir) {
  await mkdir(outdir, { recursive: true });
  await writeFile(join(outdir, 'package.json'), '{"type":"module"}\n');
  const entryPoints = (await filesIn(from)).filter((file) => file.endsWith('.ts'));
  if (entryPoints.length === 0) return;
  await build({
    entryPoints,
    outdir,
    outbase: from,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    splitting: true, // a late import() stays unread until it is needed
    sourcemap: 'linked',
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
    // fs-extra and graceful-fs are CommonJS and require() Node's own modules
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}

/** Copies each file, without its `.sh`, as something that can be executed. */
async function installPrograms(files, directory) {
  const taken = new Map();
  for (const file of files) {
    const name = basename(file, '.sh');
    if (taken.has(name)) throw new Error(`${taken.get(name)} and ${file} would both be ${name}`);
    taken.set(name, file);
    await mkdir(directory, { recursive: true });
    await copyFile(file, join(directory, name));
    await chmod(join(directory, name), 0o755);
  }
}

async function swap() {
  for (let attempt = 1; ; attempt++) {
    await rm(previous, { recursive: true, force: true });
    await rename('dist', previous).catch(ignoreAbsent);
    try {
      await rename(partial, 'dist');
      return;
    } catch (error) {
      // another build put its dist there in between
      if (attempt === 5 || !['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    }
  }
}

async function filesIn(directory, options = {}) {
  const entries = await readdir(directory, { ...options, withFileTypes: true }).catch(ignoreAbsent);
  return (entries ?? [])
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function isShell(file) {
  return file.endsWith('.sh');
}

function isUserCommand(file) {
  return file.endsWith('/path/checkpointer');
}

function ignoreAbsent(error) {
  if (error.code !== 'ENOENT') throw error;
}
