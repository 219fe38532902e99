// How long a program stands still when it moves, without the time that the job waits in Slurm's queue, and what of it goes
// where.
import type { SubmittedJob } from '../scenarios/job.ts';
import type { Place } from '../scenarios/place.ts';
import { COMPUTE_NODES } from '../cluster/layout.ts';
import { cancel, logged, outputOf, printed } from './lab.ts';
import { median, type Row } from './table.ts';

const MOVES = 5;
/** Says when it stood still for more than a second: the last moment before, and the first one after. */
const SCRIPT = `exec python3 -c '
import time
last = time.time()
while True:
    time.sleep(0.005)
    now = time.time()
    if now - last > 1: print("stood still from", last, "to", now, flush=True)
    last = now
'`;

/** Moments of a move, in milliseconds since the epoch. */
type Move = Readonly<Record<'last' | 'requeued' | 'allocated' | 'launched' | 'next', number>>;

export async function benchMove(place: Place): Promise<Row[]> {
  const job = await place.submit(SCRIPT, { comment: 'checkpoint=0:04' });
  await printed(job, new RegExp(`(?:stood still[^]*){${MOVES}}`));
  await cancel(job);
  const moves = movesOf(job);
  const row = (what: string, from: string, lasted: (move: Move) => number): Row => {
    const samples = moves.map(lasted);
    return { what, value: median(samples), unit: 'ms', from, samples: { [what.trim()]: samples } };
  };
  return [
    row(
      "downtime of a move, without Slurm's queue",
      `a small program's own gap, median of ${MOVES}; of it:`,
      ({ last, requeued, allocated, next }) => requeued - last + next - allocated,
    ),
    row('  last tick to requeued', 'dump, commit, scontrol, Epilog', ({ last, requeued }) => requeued - last),
    row('  node given to batch step', 'Prolog', ({ allocated, launched }) => launched - allocated),
    row('  batch step to next tick', 'TaskProlog, agent, restore', ({ launched, next }) => next - launched),
  ];
}

/** slurmctld takes a requeued job back when its Epilog has ended, and says when it gives it a node again. */
function movesOf(job: SubmittedJob): Move[] {
  const requeued = logged('ctl', new RegExp(`Requeuing JobId=${job.id}\\b`));
  const allocated = logged('ctl', new RegExp(`(Allocate|Started) JobId=${job.id} `));
  const launched = COMPUTE_NODES.flatMap((node) => logged(node, new RegExp(`Launching batch job ${job.id} for`)));
  return [...outputOf(job).matchAll(/stood still from (\S+) to (\S+)/g)].slice(0, MOVES).map(([, from, to]) => {
    const [last, next] = [Number(from) * 1000, Number(to) * 1000];
    const before = (times: readonly number[]): number => Math.max(...times.filter((at) => at < next));
    return { last, requeued: before(requeued), allocated: before(allocated), launched: before(launched), next };
  });
}
