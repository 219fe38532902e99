// The hooks as Slurm runs them, for a job that takes no part, against /bin/true run in the same way (see hooks.py).
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { outside } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import type { Place } from '../scenarios/place.ts';
import { amount, median, type Row } from './table.ts';

/** Milliseconds. */
const AIM = 3;
const Runs = v.record(v.string(), v.array(v.number()));

export async function benchHooks(place: Place): Promise<Row[]> {
  const job = await place.submit('cat /proc/self/environ > environ');
  await job.over();
  copyFileSync(path.join(import.meta.dirname, 'hooks.py'), outside(place.path('hooks.py')));
  const driver = await exec('n1', ['python3', place.path('hooks.py'), place.path('environ')]);
  if (driver.status !== 0) throw new Error(`hooks.py: ${driver.stderr}`);
  const runs = v.parse(Runs, JSON.parse(driver.stdout));
  const row = (what: string, name: string, base: string, aim?: number): Row => {
    const [times, bases] = [runs[name] ?? [], runs[base] ?? []];
    return {
      what,
      value: median(times) - median(bases),
      unit: 'ms',
      ...(aim !== undefined && { aim }),
      from: `${amount(median(times), 'ms')} - ${amount(median(bases), 'ms')} of /bin/true, medians of ${times.length}`,
      samples: { [name]: times, [base]: bases },
    };
  };
  return [
    row('Prolog, over /bin/true', 'prolog', 'true (root)', AIM),
    row('TaskProlog of a batch step', 'task-prolog (batch)', 'true (user)', AIM),
    row('TaskProlog of an srun step', 'task-prolog (step)', 'true (user)', AIM),
    row('Epilog', 'epilog', 'true (root)', AIM),
    row('64 Prolog at once', '64 prolog', '64 true (root)'),
    row('64 TaskProlog at once, of batch steps', '64 task-prolog (batch)', '64 true (user)'),
    row('64 TaskProlog at once, of an srun step', '64 task-prolog (step)', '64 true (user)'),
  ];
}
