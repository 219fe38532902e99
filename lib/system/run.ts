import type { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { reasonOf, ToolError } from '../errors.ts';

/** How a program that ran to its end, or was stopped, ended. */
export type Ended = {
  /** Undefined when a signal ended it or it could not be started. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
};

export type RunOptions = {
  /** Milliseconds, then SIGTERM, five seconds later SIGKILL. Infinity where only the work itself can say how long it takes. */
  readonly deadlineMs: number;
  readonly path: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly abort?: AbortSignal;
  /** A character a byte, for output that need not be UTF-8. */
  readonly encoding?: 'latin1';
  readonly started?: (pid: number) => void;
  /** A process group of its own, all of which ends when the program does, or with `kill(-pid)`. */
  readonly ownGroup?: boolean;
};

/** Of each output, the end is kept: it is what tells the cause. */
const LONGEST_OUTPUT = 8 * 1024 * 1024;
const KILL_AFTER_MS = 5000;
/** How long after a program's end what it has said may be on its way. */
const LAST_WORDS_MS = 5000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a program: an argument list, never a shell string; a clean environment; no descriptor of ours but its own three.
 * Never throws for how the program ended. On Node's own spawn: execa is a quarter of a waiting daemon's memory, and 40 ms of each start.
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<Ended> {
  const { spawn } = await import('node:child_process');
  const [file = '', ...rest] = argv;
  const child = spawn(file, rest, {
    env: { PATH: options.path, LC_ALL: 'C.UTF-8', ...options.env },
    cwd: options.cwd ?? '/',
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: options.ownGroup ?? false,
  });
  const stdout = endOf(child.stdout, options.encoding);
  const stderr = endOf(child.stderr);
  // A program need not read what it is given.
  child.stdin?.on('error', () => undefined).end(options.input);
  const ended = new Promise<Pick<Ended, 'exitCode' | 'signal'> & { error?: Error }>((resolve) => {
    child.once('error', (error) => resolve({ exitCode: undefined, signal: undefined, error }));
    child.once('close', (code, signal) =>
      resolve({ exitCode: code ?? undefined, signal: signal ?? undefined }),
    );
  });
  if (child.pid !== undefined) options.started?.(child.pid);
  using stop = new Stop(child, options);
  const { exitCode, signal, error } = await ended;
  return {
    exitCode,
    signal,
    stdout: stdout(),
    stderr: error ? reasonOf(error) : stderr(),
    timedOut: stop.timedOut,
  };
}

/** Collects an output; gives its end, without the last line break. */
function endOf(stream: Readable | null, encoding: BufferEncoding = 'utf8'): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    while (size - (chunks[0]?.length ?? 0) >= LONGEST_OUTPUT) size -= chunks.shift()?.length ?? 0;
  });
  return () =>
    Buffer.concat(chunks)
      .toString(encoding)
      .replace(/\r?\n$/, '');
}

/** Whatever may end a program before it does so by itself; within its scope. */
class Stop {
  readonly #child: ChildProcess;
  readonly #abort: AbortSignal | undefined;
  readonly #ownGroup: boolean;
  readonly #deadline: NodeJS.Timeout | undefined;
  #last: NodeJS.Timeout | undefined;
  #lastWords: NodeJS.Timeout | undefined;
  timedOut = false;

  constructor(child: ChildProcess, { deadlineMs, abort, ownGroup }: RunOptions) {
    this.#child = child;
    this.#abort = abort;
    this.#ownGroup = ownGroup ?? false;
    if (Number.isFinite(deadlineMs)) {
      this.#deadline = setTimeout(
        () => {
          this.timedOut = true;
          this.#terminate();
        },
        Math.min(deadlineMs, LONGEST_TIMER_MS),
      );
    }
    if (abort?.aborted) this.#terminate();
    abort?.addEventListener('abort', this.#terminate);
    if (!this.#ownGroup) process.on('exit', this.#kill);
    // Nobody waits for what its own children may still hold open: one of criu's, by which it tries out what the kernel can, stays stopped for
    // good when criu is killed meanwhile (docs/notes/criu.md).
    child.once('exit', () => {
      if (this.#ownGroup) this.#killGroup();
      this.#lastWords = setTimeout(this.#letGo, LAST_WORDS_MS);
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#last);
    clearTimeout(this.#lastWords);
    this.#abort?.removeEventListener('abort', this.#terminate);
    process.removeListener('exit', this.#kill);
  }

  readonly #kill = (): void => void this.#child.kill('SIGTERM');

  #killGroup(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // Nothing is left of it.
    }
  }

  readonly #terminate = (): void => {
    if (!this.#child.kill('SIGTERM')) this.#letGo();
    this.#child.once('exit', this.#letGo);
    this.#last ??= setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
  };

  /** Of a program that was stopped nobody waits for what its own children may still hold open. */
  readonly #letGo = (): void => {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  };
}

/** Runs a program that must end with 0 and returns its stdout. Throws ToolError with what it said. */
export async function runOrThrow(argv: readonly string[], options: RunOptions): Promise<string> {
  const ended = await run(argv, options);
  if (ended.exitCode === 0) return ended.stdout;
  throw new ToolError(`${argv[0]} ${describeEnd(ended)}: ${lastLine(ended.stderr)}`, ended.stderr);
}

export function describeEnd(ended: Ended): string {
  if (ended.timedOut) return 'took too long and was stopped';
  if (ended.signal !== undefined) return `was ended by ${ended.signal}`;
  if (ended.exitCode === undefined) return 'could not be started';
  return `ended with status ${ended.exitCode}`;
}

/** The absolute path of a program in the site's folders. Throws ToolError. */
export function findProgram(name: string, path: string): string {
  const found = path
    .split(':')
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
  if (found === undefined) throw new ToolError(`${name} is not installed in ${path}`);
  return found;
}

export const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';
