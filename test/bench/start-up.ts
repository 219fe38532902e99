// From slurmd's start of the batch step to the script's first line: jobs with options against jobs without. Both had their
// Prolog by then.
import type { Place, Wishes } from '../scenarios/place.ts';
import { logged, printed } from './lab.ts';
import { amount, median, type Row } from './table.ts';

const ROUNDS = 15;
const NODE = 'n1';

export async function benchStartUp(place: Place): Promise<Row[]> {
  const times = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.without.push(await startUp(place, {}));
    times.with.push(await startUp(place, { comment: 'checkpoint=60' }));
  }
  const [plain, taking] = [median(times.without), median(times.with)];
  return [
    {
      what: "added before the script's first line",
      value: taking - plain,
      unit: 'ms',
      aim: 150,
      from: `${amount(taking, 'ms')} with options - ${amount(plain, 'ms')} without, medians of ${ROUNDS} jobs each`,
      samples: times,
    },
  ];
}

/** Milliseconds. */
async function startUp(place: Place, wishes: Wishes): Promise<number> {
  const sbatch = ['--partition=main', `--nodelist=${NODE}`];
  const job = await place.submit('echo "first line at $EPOCHREALTIME"', { ...wishes, sbatch });
  const [, at = ''] = await printed(job, /first line at (\d+\.\d+)/);
  await job.over(); // what comes after must not disturb the next one's start
  const [started = Number.NaN] = logged(NODE, new RegExp(`Launching batch job ${job.id} for`));
  return Number(at) * 1000 - started;
}
