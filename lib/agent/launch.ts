// CRIU as a child of the agent, up to the stage at which its action script holds the tree.
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { announces, stageVariable, type Stage } from '../criu/command.ts';
import type { RunFolder } from '../run-folder.ts';
import { environmentOf, hasExecuted, treeOf } from '../system/proc.ts';

export type Launched = Disposable & {
  readonly pid: number;
  /** False: CRIU ended before. */
  holds(stage: Stage): Promise<boolean>;
  /** CRIU has said something, on a line; false: it ended before. */
  says(what: RegExp): Promise<boolean>;
  /** By a signal. */
  wasKilled(): boolean;
  /** So far. */
  log(): string;
  /** And, where unshare leads, everything in its namespaces. */
  kill(): void;
};

const LOOK_MS = 20;

/** CRIU's log goes on its standard error. It lives on without us. */
export function launch(argv: readonly string[], folder: RunFolder): Launched {
  const [program = '', ...args] = argv;
  const log = openLog(folder.criuLog);
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', log],
    env: { PATH: process.env['PATH'] },
    cwd: '/',
  });
  let ended = false;
  child.once('exit', () => (ended = true)); // nsenter(1) ends by the signal that its child has ended by
  child.once('error', () => (ended = true)); // there is no such program: an empty log

  const says = async (what: RegExp): Promise<boolean> => {
    for (let from = 0; ; await sleep(LOOK_MS)) {
      const over = ended; // before what it said last is read
      const lines = readFrom(log, from).toString('latin1').split('\n');
      lines.pop(); // goes on
      if (lines.some((line) => what.test(line))) return true;
      if (over) return false;
      from += lines.reduce((bytes, line) => bytes + line.length + 1, 0);
    }
  };
  const holds = async (stage: Stage): Promise<boolean> => {
    // The log also has names that a user chose: it says when to look, what is seen counts.
    if (!(await says(announces(stage)))) return false;
    for (; !isAt(stage, child.pid!); await sleep(LOOK_MS)) if (ended) return false;
    return true;
  };
  return {
    pid: child.pid!,
    holds,
    says,
    wasKilled: () => child.signalCode !== null,
    log: () => readFrom(log, 0).toString(),
    kill: () => child.kill('SIGKILL'),
    [Symbol.dispose]: () => closeSync(log),
  };
}

/**
 * A file that no longer has a name. Not a pipe: CRIU has the job's processes write to its log, too, and one without a
 * reader, as after the agent's death, would end them by SIGPIPE (seen with 4.2).
 */
function openLog(file: string): number {
  rmSync(file, { force: true });
  const log = openSync(file, 'ax+', 0o600);
  rmSync(file);
  return log;
}

function readFrom(file: number, position: number): Buffer {
  const buffer = Buffer.alloc(Math.max(0, fstatSync(file).size - position));
  return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, position));
}

/** A restored process may claim any environment; but it never executed anything, as the action script has. */
const isAt = (stage: Stage, launcher: number): boolean =>
  treeOf(launcher).some((pid) => environmentOf(pid).includes(stageVariable(stage)) && hasExecuted(pid));
