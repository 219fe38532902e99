import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';

import { SCRIPT_NAMES } from '../options.ts';

/**
 * Slurm's copy of the job script, `SlurmdSpoolDir/jobNNNNN/slurm_script`: the user's own file, mode 0700, in root's folder, so
 * it can be rewritten in place but not replaced. slurmstepd runs it by path after TaskProlog
 * (slurmstepd/task.c:exec_task, mgr.c:_make_batch_script).
 */
export function spoolScriptPath(spool: string, nodeName: string, jobId: number): string {
  const folder = spool.replaceAll('%n', nodeName).replaceAll('%h', nodeName);
  return `${folder}/job${String(jobId).padStart(5, '0')}/slurm_script`;
}

/** Whether a path is where a node, this one or another, keeps the script of this job: below a folder that only root can write. */
export function isSpoolScript(path: string, spool: string, jobId: number): boolean {
  const literal = spoolScriptPath(spool.replaceAll('%h', '%n'), '%n', jobId).replaceAll(
    /[.*+?^${}()|[\]\\]/g,
    '\\$&',
  );
  // A node's name cannot lead out of the folder.
  return new RegExp(`^${literal.replaceAll('%n', '[A-Za-z0-9][A-Za-z0-9._-]*')}$`).test(path);
}

const STUB_END = '# slurm-checkpointer: the job script follows, and is put back before it runs\n';

/** No program's path is longer. */
const STUB_REACH = 4096;

/**
 * The line that runs in the script's place; its own text follows. Naming the program itself as the interpreter keeps the
 * environment whole: a shell in between drops what it can't have as a variable, such as bash's exported functions.
 */
export function stubFor(program: string): string {
  return `#!${program}\n${STUB_END}`;
}

/** Puts the stub in front of the script's text. Whatever fails leaves the script as it was, and throws. */
export function putStub(path: string, program: string): void {
  const fd = openOwn(path);
  try {
    const original = readAll(fd);
    if (splitStub(original) !== undefined) return;
    const text = Buffer.concat([Buffer.from(stubFor(program)), original]);
    try {
      // What lies beyond the old end first: only this can find the disk full, and then it is cut off again.
      writeAll(fd, text.subarray(original.length), original.length);
      writeAll(fd, text, 0);
    } catch (error) {
      writeAll(fd, original, 0);
      ftruncateSync(fd, original.length);
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Puts the script's own text back: bash keeps it open, and CRIU wants it unchanged on every node. Returns whether the stub was
 * there: what has none is the script already.
 */
export function putScriptBack(path: string): boolean {
  const fd = openOwn(path);
  try {
    const text = readAll(fd);
    const original = splitStub(text);
    if (!original) {
      // Run as it stands it would start a supervisor, which would run it, and so on without end.
      if (text.subarray(0, STUB_REACH).includes(STUB_END))
        throw new Error(`${path} begins with a stub of another version`);
      return false;
    }
    writeAll(fd, original, 0);
    ftruncateSync(fd, original.length);
    return true;
  } finally {
    closeSync(fd);
  }
}

function splitStub(text: Buffer): Buffer | undefined {
  const end = text.indexOf(STUB_END);
  if (end < 0 || end > STUB_REACH || !/^#!\/\S+\n$/.test(text.subarray(0, end).toString())) {
    return undefined;
  }
  return text.subarray(end + STUB_END.length);
}

function openOwn(path: string): number {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  const stat = fstatSync(fd);
  if (stat.isFile() && stat.uid === process.getuid?.()) return fd;
  closeSync(fd);
  throw new Error(`${path} is not a regular file of this job's user`);
}

function readAll(fd: number): Buffer {
  const text = Buffer.alloc(fstatSync(fd).size);
  let done = 0;
  while (done < text.length) {
    const count = readSync(fd, text, done, text.length - done, done);
    if (count === 0) throw new Error('the script became shorter while it was read');
    done += count;
  }
  return text;
}

function writeAll(fd: number, text: Buffer, position: number): void {
  let done = 0;
  while (done < text.length) {
    done += writeSync(fd, text, done, text.length - done, position + done);
  }
}

/**
 * `export NAME=value` lines of a script for the two names that the predecessor's users wrote into their scripts.
 * Nothing is evaluated: quotes are taken off and plain `$NAME`, `${NAME}` and `$(pwd)` are filled in from the environment that the
 * script starts with; a value that needs a shell stays as it stands, and is then refused by name.
 */
export function exportedInScript(
  script: string,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const found: Record<string, string> = {};
  const line = new RegExp(
    `^[ \\t]*export[ \\t]+(${SCRIPT_NAMES.join('|')})=((?:${WORD_PART.source})*)`,
    'gm',
  );
  for (const [, name = '', word = ''] of script.matchAll(line)) {
    const parts = word.match(new RegExp(WORD_PART, 'g')) ?? [];
    found[name] = parts.map((part) => meaningOf(part, environment)).join('');
  }
  return found;
}

/** What a word of the shell is made of: quoted text, `$(...)`, `\x`, plain text, and what begins one of those but does not end it. */
const WORD_PART = /"[^"\n]*"|'[^'\n]*'|\$\([^()\n]*\)|\\.|(?:(?!\$\()[^\s;&|"'\\])+|[^\s;&|]/;

function meaningOf(
  part: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (/^'.*'$/.test(part)) return part.slice(1, -1);
  if (/^\\./.test(part)) return part.slice(1);
  return fillIn(/^".*"$/.test(part) ? part.slice(1, -1) : part, environment);
}

function fillIn(value: string, environment: Readonly<Record<string, string | undefined>>): string {
  const known = new Map(Object.entries(environment));
  known.set('PWD', environment['SLURM_SUBMIT_DIR'] ?? environment['PWD']);
  return value
    .replaceAll('$(pwd)', '$PWD')
    .replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
      return known.get(braced ?? bare ?? '') ?? whole;
    });
}
