// Stops a process of a job at a moment of its life that no sleep would hit: all nodes' processes are seen from out here.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

type Process = { readonly pid: number; readonly argv: readonly string[] };
type Sight = (seen: Process, job: number, all: readonly Process[]) => boolean;

const runs = ({ argv }: Process, program: string): boolean => path.basename(argv[0] ?? '') === program;
const says = ({ argv }: Process, ...words: readonly string[]): boolean =>
  words.every((word) => argv.some((argument) => argument.includes(word)));
const ourNode = (script: string) => (seen: Process, job: number) => {
  const at = seen.argv.findIndex((word) => word.endsWith(`/dist/${script}.js`)); // after Node's own options
  return runs(seen, 'node') && at > 0 && seen.argv[at + 1] === String(job);
};
const criu = (verb: string) => (seen: Process, job: number) =>
  runs(seen, 'criu') &&
  seen.argv[1] === verb &&
  (says(seen, `/sandbox-${job}/`) || says(seen, `/checkpoint-${job}-images`));
const rsync =
  (...words: readonly string[]) =>
  (seen: Process, job: number) =>
    runs(seen, 'rsync') && says(seen, `/checkpoint-${job}/`, ...words);
/** CRIU's action script, which holds the tree. */
const action = (stage: string) => (seen: Process, job: number) =>
  says(seen, '/hooks/criu-action') &&
  environmentOf(seen.pid).includes(`CHECKPOINTER_RUN=/run/slurm-checkpointer/${job}`) &&
  environmentOf(seen.pid).includes(`CRTOOLS_SCRIPT_ACTION=${stage}`);

const isHeld: Sight = (_, job, all) => all.some((each) => action('post-dump')(each, job));

/** Processes of a job, each there for a while only; the first that is seen counts. */
const SIGHTS = {
  agent: ourNode('agent'),
  supervisor: ourNode('supervisor'),
  aftermath: ourNode('aftermath'),
  doorbell: (seen, job) => says(seen, '/hooks/doorbell') && seen.argv.includes(`/run/slurm-checkpointer/${job}`),
  'criu that begins to dump': criu('dump'),
  // In CRIU's log, which has no name any more: the moments that nothing else tells of.
  'criu that has a part of its code in the tree': (seen, job) =>
    criu('dump')(seen, job) && logOf(seen.pid).includes('Set up parasite blob'),
  // With instructions of its own at the place where they stand: who kills it there harms some of them.
  'criu that makes the processes of the tree call': (seen, job) =>
    criu('dump')(seen, job) && logOf(seen.pid).includes('Dump private signals of'),
  'criu that writes the memory': (seen, job) => criu('dump')(seen, job) && logOf(seen.pid).includes('Dumping pages'),
  'criu that has dumped': (seen, job, all) => criu('dump')(seen, job) && isHeld(seen, job, all),
  'criu that begins to restore': (seen, job) =>
    criu('restore')(seen, job) && !logOf(seen.pid).includes('Restore finished successfully'),
  'criu that stays with its tree': (seen, job) =>
    criu('restore')(seen, job) && logOf(seen.pid).includes('Restore finished successfully'),
  'criu that has restored': (seen, job, all) =>
    criu('restore')(seen, job) && all.some((each) => action('pre-resume')(each, job)),
  'rsync that copies TMPDIR': rsync('.partial/tmpdir/'),
  'rsync that copies what changed': (seen, job, all) => rsync('.partial/tmpdir/')(seen, job) && isHeld(seen, job, all),
  'rsync that lays TMPDIR back': (seen, job) => rsync('/tmpdir/')(seen, job) && !says(seen, '.partial/'),
  'rsync that moves a snapshot': (seen, job) => runs(seen, 'rsync') && says(seen, `/checkpoint-${job}-images/`),
  'rsync that delivers': rsync('--no-relative'),
} as const satisfies Record<string, Sight>;
export type Sighted = keyof typeof SIGHTS;

export type Caught = Disposable & { readonly pid: number; kill(): void };

const LOOK_MS = 4;

/** Stopped as soon as it is seen, until the end of the scope; undefined: given up before. */
export async function catches(job: number, what: Sighted, giveUp: () => boolean): Promise<Caught | undefined> {
  if (what === 'criu that has restored') return catchesRestored(job, giveUp);
  for (; !giveUp(); await sleep(LOOK_MS)) {
    const seen = find(job, what);
    if (seen !== undefined && send(seen, 'SIGSTOP')) return caught(seen, [seen, parentOf(seen)]);
  }
  return undefined;
}

/** Its agent lets it go on at once: so that one is stopped, too. */
async function catchesRestored(job: number, giveUp: () => boolean): Promise<Caught | undefined> {
  const begins = await catches(job, 'criu that begins to restore', giveUp);
  const agent = find(job, 'agent');
  if (!begins || agent === undefined) return undefined;
  send(agent, 'SIGSTOP');
  begins[Symbol.dispose]();
  for (; !giveUp(); await sleep(LOOK_MS)) {
    if (find(job, 'criu that has restored') !== undefined) return caught(begins.pid, [agent]);
  }
  send(agent, 'SIGCONT');
  return undefined;
}

/** Whoever it is now. False: there is none. */
export function kill(job: number, what: Sighted): boolean {
  const seen = find(job, what);
  return seen !== undefined && send(seen, 'SIGKILL');
}

function find(job: number, what: Sighted): number | undefined {
  const all = processes();
  return all.find((each) => SIGHTS[what](each, job, all))?.pid;
}

/** @param stopped with it: nsenter stops when its child does, and needs to be told, too */
const caught = (pid: number, stopped: readonly number[]): Caught => ({
  pid,
  kill: () => send(pid, 'SIGKILL'),
  [Symbol.dispose]: () => stopped.forEach((each) => send(each, 'SIGCONT')),
});

const parentOf = (pid: number): number => Number(/^PPid:\s*(\d+)/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? pid);

/** What is left of a job: whatever has its number among its words, or in its environment. */
export function processesOf(job: number): string[] {
  const itsFolder = new RegExp(`/slurm-checkpointer/${job}(?:/|$)|/checkpoint-${job}/`);
  return processes()
    .filter(
      ({ pid, argv }) =>
        argv.some((word) => itsFolder.test(word)) || environmentOf(pid).includes(`SLURM_JOB_ID=${job}`),
    )
    .map(({ pid, argv }) => `process ${pid}: ${argv.join(' ')}`);
}

let looked: readonly Process[] = [];
let lookedAt = 0;

/** One look for all who watch. */
function processes(): readonly Process[] {
  if (performance.now() - lookedAt < LOOK_MS / 2) return looked;
  const pids = readdirSync('/proc').map(Number).filter(Boolean);
  looked = pids.map((pid) => ({ pid, argv: textOf(`/proc/${pid}/cmdline`).split('\0') }));
  lookedAt = performance.now();
  return looked;
}

const environmentOf = (pid: number): string[] => textOf(`/proc/${pid}/environ`).split('\0');
const logOf = (pid: number): string => textOf(`/proc/${pid}/fd/2`);

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // it has ended
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // it has ended
  }
}
