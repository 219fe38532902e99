import { spawn, type ChildProcess } from 'node:child_process';

import {
  childrenOf,
  familyOf,
  isAlive,
  numbersOf,
  statusOf,
  type ProcessStat,
} from '../system/proc.ts';
import { findProgram } from '../system/run.ts';

/** The processes of the job: tini, two shells that note how the script ended, the script, and all that it started. */
export type Tree = {
  /** tini, as this node numbers it. It adopts every orphan, so the tree stays whole. */
  readonly root: number;
  /** The script of a restored tree, as its own namespace numbers it: criu makes processes in another order than the job did. */
  readonly script?: number;
};

/**
 * Runs the script and writes how it ended: the shell's own word for a signal if there was one, then the status. The inner shell's
 * messages ("Killed") are caught, so that they tell exit status 137 from a SIGKILL, and don't get into the job's output. No file
 * of ours stays open, and the script has Slurm's own three descriptors and nothing else.
 */
const RUNNER = `ulimit -S -n "$1"
[ -z "$2" ] || . "$2"
shift 2
exec 4>&1 5>&2
said=$( { ( exec "$@" >&4 2>&5 4>&- 5>&- ); echo $?; } 2>&1 )
printf "%s\\n" "$said" >"$0"`;

/** Starts the tree's first run as our own child, with Slurm's own working folder, limits, descriptors and environment. */
export function startTree(request: {
  argv: readonly string[];
  statusFile: string;
  environment: Readonly<Record<string, string>>;
  /** A file of sh words to be run first, or nothing. */
  preparation: string | undefined;
  /** The soft limit that Slurm gave: Node raises its own to the hard one. */
  openFiles: string;
  /** Where the site has its programs: not the job's own PATH. */
  path: string;
}): { tree: Tree; process: ChildProcess } {
  const child = spawn(
    findProgram('tini', request.path),
    [
      '-s',
      '--',
      '/bin/sh',
      '-c',
      RUNNER,
      request.statusFile,
      request.openFiles,
      request.preparation ?? '',
      ...withOddNames(request.environment, request.path),
      ...request.argv,
    ],
    {
      env: request.environment,
      stdio: 'inherit',
      // setsid: the tree's session must lie in the tree.
      detached: true,
    },
  );
  // An error of spawn itself (no tini) comes as an event; without a pid there is no tree.
  return { tree: { root: child.pid ?? 0 }, process: child };
}

/** What a shell drops from its environment because it cannot be a variable of its own, such as bash's exported functions. */
function withOddNames(environment: Readonly<Record<string, string>>, path: string): string[] {
  const odd = Object.entries(environment).filter(([name]) => !/^[A-Za-z_]\w*$/.test(name));
  if (odd.length === 0) return [];
  return [findProgram('env', path), ...odd.map(([name, value]) => `${name}=${value}`)];
}

/** How the script ended, from the text that RUNNER wrote; undefined while it is not complete. */
export type ScriptEnd = { readonly exitCode: number } | { readonly signal: number };

export function parseScriptEnd(text: string): ScriptEnd | undefined {
  if (!text.endsWith('\n')) return undefined;
  const lines = text.trimEnd().split('\n');
  // A shell that was killed itself wrote less than a status.
  if (!/^\d{1,3}$/.test(lines.at(-1) ?? '')) return undefined;
  const code = Number(lines.at(-1));
  const shellSaid = lines.slice(0, -1).join('').trim();
  // A shell gives 128 + N for a child that signal N ended, and says its name, except for SIGINT and SIGPIPE.
  if (shellSaid !== '' && code > 128 && code < 128 + 65) return { signal: code - 128 };
  return { exitCode: code };
}

export const processesOf = (tree: Tree): ProcessStat[] => familyOf(tree.root);

export const isRunning = (tree: Tree): boolean => isAlive(tree.root);

/** The script's own process: the only one below the shells that tini started first. */
export function scriptOf(tree: Tree): number | undefined {
  if (tree.script !== undefined) {
    return processesOf(tree).find(({ pid }) => innerPid(pid) === tree.script)?.pid;
  }
  let pid: number | undefined = tree.root;
  for (let level = 0; level < 3 && pid !== undefined; level += 1) pid = firstChild(pid);
  return pid;
}

const firstChild = (parent: number): number | undefined =>
  childrenOf(parent).toSorted(
    (a, b) => Number(BigInt(a.startTime) - BigInt(b.startTime)) || a.pid - b.pid,
  )[0]?.pid;

/** The last number of an NSpid line: how the process is called in its own pid namespace. */
export function innerPid(pid: number): number | undefined {
  return numbersOf(statusOf(String(pid))?.get('NSpid')).at(-1);
}

/** A tree that forks all the time is stopped after a few rounds; more than this many only a kernel out of its mind needs. */
const MOST_ROUNDS = 100;

/**
 * Stops every process of the tree, also those that others fork meanwhile. Returns those that it stopped: one that was stopped
 * before is to stay so.
 */
export function stopTree(tree: Tree): number[] {
  const stopped: number[] = [];
  const seen = new Set<number>();
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const fresh = processesOf(tree).filter(({ pid }) => !seen.has(pid));
    if (fresh.length === 0) break;
    for (const { pid, state } of fresh) {
      seen.add(pid);
      if (!/[TtZX]/.test(state) && sendSignal(pid, 'SIGSTOP')) stopped.push(pid);
    }
  }
  return stopped;
}

/** Ends every process of the tree: once its root is gone its orphans could not be found any more, so none may be forked meanwhile. */
export function killTree(tree: Tree): void {
  stopTree(tree);
  for (const { pid } of processesOf(tree).toReversed()) sendSignal(pid, 'SIGKILL');
}

/** Sends a signal to a process that may just have ended. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
