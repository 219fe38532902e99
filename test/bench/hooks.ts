import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { on } from '../helpers/cluster.ts';
import { median, type Lab } from './lab.ts';
import { milliseconds, type Row } from './table.ts';

const PLAIN = '#!/bin/bash\ncat /proc/self/environ >environ\n';
const AIM = '≤ 3 ms more';

/** The hooks, for a job that takes no part, against /bin/true run in the same way (see hooks.py). */
export async function benchHooks(lab: Lab): Promise<Row[]> {
  const id = await lab.submit(PLAIN);
  await lab.ended(id);
  const driver = await readFile(join(import.meta.dirname, 'hooks.py'), 'utf8');
  await lab.write('hooks.py', driver);
  const printed = await on('n1', 'python3', `${lab.folder}/hooks.py`, lab.folder);
  const runs = JSON.parse(printed) as Record<string, number[]>;
  const of = (name: string): number => median(runs[name] ?? []) / 1e6;
  const row = (what: string, name: string, base: string, aim?: string): Row => ({
    what,
    value: milliseconds(of(name) - of(base), 2),
    ...(aim === undefined ? {} : { aim }),
    how: `${milliseconds(of(name), 2)} - ${milliseconds(of(base), 2)} for /bin/true, medians of ${runs[name]?.length}`,
  });
  return [
    row('Prolog, job without options', 'prolog', 'true (root)', AIM),
    row('TaskProlog of its batch script', 'task-prolog (batch)', 'true (user)', AIM),
    row('TaskProlog of an srun task', 'task-prolog (step)', 'true (user)', AIM),
    row('Epilog, job without options', 'epilog', 'true (root)', AIM),
    row('64 TaskProlog at once, batch', '64 task-prolog (batch)', '64 true'),
    row('64 TaskProlog at once, srun', '64 task-prolog (step)', '64 true'),
  ];
}
