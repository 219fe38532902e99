import { resolve } from 'node:path';

import { execa } from 'execa';

const SCRIPT = resolve(import.meta.dirname, '../cluster/cluster.sh');

/** Where the cluster keeps everything: see the header of test/cluster/cluster.sh. */
export const CLUSTER_FOLDER =
  process.env['CHECKPOINTER_CLUSTER'] ?? '/var/tmp/slurm-checkpointer-cluster';

export type Node = 'ctl' | 'n1' | 'n2';
export const WORKERS = ['n1', 'n2'] as const satisfies Node[];

export type Ran = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** A command of cluster.sh: up, down, install, off NODE, ... Throws when it fails. */
export async function cluster(...words: string[]): Promise<string> {
  const { stdout } = await execa('bash', [SCRIPT, ...words], { stdin: 'ignore' });
  return stdout;
}

/** Runs a command as root in a node, and throws when it fails. */
export async function on(node: Node, ...argv: string[]): Promise<string> {
  const ran = await tryOn(node, argv);
  if (ran.status === 0) return ran.stdout;
  throw new Error(`${node}: ${argv.join(' ')} ended with ${ran.status}: ${ran.stderr}`);
}

/** Sends a signal to a node's Slurm daemon. Throws when there is none. */
export async function signalDaemon(
  node: Node,
  daemon: 'slurmctld' | 'slurmd',
  signal: 'KILL' | 'STOP' | 'CONT',
): Promise<void> {
  // After a reconfiguration it has Debian's own name for it; as a hook has that it is just starting, which is not init's child.
  await on(node, 'pkill', `-${signal}`, '--parent', '1', '-x', `${daemon}(-wlm)?`);
}

/** slurmctld saves its state within five seconds (SAVE_MAX_WAIT in state_save.c). */
export const STATE_SAVED_MS = 8000;

/** Starts a node's Slurm daemon, in the place of one that runs. */
export async function startDaemon(node: Node): Promise<void> {
  await on(node, '/usr/local/sbin/start-daemon');
}

/** Runs a command as root in a node, however it ends. */
export async function tryOn(node: Node, argv: readonly string[], input = ''): Promise<Ran> {
  const ended = await execa('bash', [SCRIPT, 'exec', node, '--', ...argv], {
    input,
    reject: false,
    stripFinalNewline: false,
  });
  return { status: ended.exitCode ?? -1, stdout: ended.stdout, stderr: ended.stderr };
}

/** Where this machine sees a file of a node: what is shared, and the node's own disk. */
export function outside(path: string, node?: Node): string {
  if (path.startsWith('/shared/')) return `${CLUSTER_FOLDER}${path}`;
  if (/^\/net(-bob)?\//.test(path)) return `${CLUSTER_FOLDER}${path}`;
  if (node && /^\/(tmp|local|var\/(tmp|log|spool))\//.test(path)) {
    return `${CLUSTER_FOLDER}/nodes/${node}${path}`;
  }
  return `${CLUSTER_FOLDER}/root${path}`;
}

/** Where every node sees what this machine sees there: the other way round, for what all nodes share. */
export const seenInside = (path: string): string =>
  path.slice(CLUSTER_FOLDER.length).replace(/^\/root\//, '/');
