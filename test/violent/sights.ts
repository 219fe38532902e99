// The moments of a job's life that no sleep would hit, each known by a process that is there for a while only.
import path from 'node:path';
import { environmentOf, logOf, processes, tracerOf, type Process } from './processes-seen.ts';

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
  // Of a run that Slurm doesn't count as requeued; that of such a one looks after the job for some seconds more.
  'aftermath of a run that is over': (seen, job) => ourNode('aftermath')(seen, job) && seen.argv.includes('over'),
  'stub in place of the script': ({ argv }, job) => new RegExp(`/job0*${job}/slurm_script$`).test(argv[1] ?? ''),
  step: (seen, job) => says(seen, `slurmstepd: [${job}.batch]`),
  // Whoever asks for more than one asks for all of them.
  'scontrol that asks of the job': ({ argv }, job) =>
    argv.slice(0, 5).join(' ') === `scontrol --oneliner show job ${job}`,
  'scontrol that requeues the job': ({ argv }, job) =>
    argv.slice(0, 4).join(' ') === `scontrol requeue incomplete ${job}`,
  doorbell: (seen, job) => says(seen, '/hooks/doorbell') && seen.argv.includes(`/run/slurm-checkpointer/${job}`),
  'criu that begins to dump': criu('dump'),
  // In CRIU's log, which has no name any more: the moments that nothing else tells of.
  'criu that has not stopped the tree yet': (seen, job, all) =>
    criu('dump')(seen, job) &&
    !logOf(seen.pid).includes('SEIZE ') &&
    all.every(({ pid }) => tracerOf(pid) !== seen.pid), // it stops a process first, and says so then
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

/** Its process. @param age of a look that is good enough, milliseconds */
export function find(job: number, what: Sighted, age: number): number | undefined {
  const all = processes(age);
  return all.find((each) => SIGHTS[what](each, job, all))?.pid;
}

/** False: it has ended. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
