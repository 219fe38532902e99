import { readFile } from 'node:fs/promises';

import { outside, WORKERS } from '../helpers/cluster.ts';
import { logged, median, type Lab } from './lab.ts';
import { milliseconds, type Row } from './table.ts';

const MOVES = 5;
/** Prints when it stood still for more than a second: the last time before, and the first time after. */
const SCRIPT = `#!/bin/bash
exec python3 -c '
import time
last = time.time()
while True:
    time.sleep(0.01)
    now = time.time()
    if now - last > 1: print("stood still from", last, "to", now, flush=True)
    last = now
'
`;

/** Moments of a move, in milliseconds since the epoch, and how long the tree was frozen before its commit. */
type Move = Readonly<
  Record<'from' | 'to' | 'frozenMs' | 'requeued' | 'allocated' | 'started', number>
>;

/** How long a program stands still when it moves, without the time that the job waits in the queue. */
export async function benchMove(lab: Lab): Promise<Row[]> {
  const id = await lab.submit(SCRIPT, '--comment=checkpoint=0:04,keep=99');
  const store = outside(`/home/alice/.checkpointer/${id}`);
  await lab.says(id, new RegExp(`(?:stood still[^]*){${MOVES}}`));
  const gaps = [...(await lab.read(`${id}.out`)).matchAll(/stood still from (\S+) to (\S+)/g)]
    .slice(0, MOVES)
    .map(([, from, to]) => ({ from: Number(from) * 1000, to: Number(to) * 1000 }));
  const frozen = await Promise.all(
    gaps.map(async (_, index) => {
      const manifest = await readFile(`${store}/${index + 1}/manifest.json`, 'utf8');
      return (JSON.parse(manifest) as { cost: { frozenMs: number } }).cost.frozenMs;
    }),
  );
  await lab.cancel(id);
  // Slurm requeues a job when its Epilog has ended, and starts its next Prolog when it has given it a node.
  const requeued = await logged('ctl', new RegExp(`Requeuing JobId=${id}$`));
  const allocated = await logged('ctl', new RegExp(`(Allocate|Started) JobId=${id} `));
  const task = new RegExp(`\\[${id}\\.batch\\] task 0 .* started`);
  const started = (await Promise.all(WORKERS.map(async (node) => logged(node, task)))).flat();
  const of = (what: (move: Move) => number): number =>
    median(
      gaps.map(({ from, to }, index) =>
        what({
          from,
          to,
          frozenMs: frozen[index] ?? NaN,
          requeued: Math.min(...requeued.filter((at) => at > from)),
          allocated: Math.max(...allocated.filter((at) => at < to)),
          started: Math.max(...started.filter((at) => at < to)),
        }),
      ),
    );
  const row = (what: string, value: number, how: string): Row => ({
    what,
    value: milliseconds(value, 0),
    how,
  });
  return [
    row(
      'downtime of a move, without the queue',
      of((move) => move.to - move.from - (move.allocated - move.requeued)),
      `a small program's own gap, median of ${MOVES}; of it:`,
    ),
    row(
      '  all stopped, until the commit',
      of(({ frozenMs }) => frozenMs),
      'files synced, TMPDIR, the rename',
    ),
    row(
      '  the last tick, until requeued',
      of((move) => move.requeued - move.from),
      'dump, commit, requeue, Epilog',
    ),
    row(
      '  a node given, until the task starts',
      of((move) => move.started - move.allocated),
      "Prolog, and Slurm's own",
    ),
    row(
      '  the task started, until the next tick',
      of((move) => move.to - move.started),
      'TaskProlog, supervisor, agent, restore',
    ),
  ];
}
