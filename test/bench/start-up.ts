import { WORKERS } from '../helpers/cluster.ts';
import { logged, median, type Lab } from './lab.ts';
import { milliseconds, type Row } from './table.ts';

const SCRIPT = '#!/bin/bash\necho "first line at $EPOCHREALTIME"\n';
const ROUNDS = 12;

/** From slurmstepd's start of the task, TaskProlog first, to the script's first line: jobs with options against jobs without. */
export async function benchStartUp(lab: Lab): Promise<Row[]> {
  const times = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.without.push(await startUp(lab));
    times.with.push(await startUp(lab, '--comment=checkpoint=60'));
  }
  const [added, without] = [median(times.with) - median(times.without), median(times.without)];
  return [
    {
      what: "added before the script's first line",
      value: milliseconds(added, 0),
      aim: '≤ 150 ms',
      how: `${milliseconds(added + without, 0)} with options - ${milliseconds(without, 0)} without, medians of ${ROUNDS} jobs each`,
    },
  ];
}

async function startUp(lab: Lab, ...options: string[]): Promise<number> {
  const id = await lab.submit(SCRIPT, '--nodelist=n1', ...options);
  const [, at = ''] = await lab.says(id, /first line at (\d+\.\d+)/);
  await lab.ended(id);
  const [started = NaN] = (
    await Promise.all(
      WORKERS.map(async (node) =>
        logged(node, new RegExp(`\\[${id}\\.batch\\] task 0 .* started`)),
      ),
    )
  ).flat();
  return Number(at) * 1000 - started;
}
