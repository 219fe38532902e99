// npm run -s torture -- --jobs N --faults N --seed S [--mode requeue|snapshot|both]: random jobs, random faults at random moments,
// on a cluster of its own. The last line counts; it ends with 1 if a job was lost. The same seed makes the same plan.
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { reasonOf } from '../../lib/errors.ts';
import { down, install, up } from '../cluster/cluster.ts';
import { Turns } from '../scenarios/turns.ts';
import { requeuingOver, resumingDrained } from '../violent/set-back.ts';
import { FAULT_NAMES, planOf, type JobPlan, type Plan, type Wish } from './plan.ts';
import { torture, type Ground, type Verdict } from './run.ts';

const AT_A_TIME = 8;

const wish: Wish = await yargs(hideBin(process.argv))
  .scriptName('torture')
  .locale('en')
  .version(false)
  .options({
    jobs: { type: 'number', default: 10 },
    faults: { type: 'number', default: 15 },
    seed: { type: 'number', default: 1 },
    mode: { choices: ['requeue', 'snapshot', 'both'] as const, default: 'both' as const },
    only: { array: true, choices: FAULT_NAMES, default: [], describe: 'no other faults than these' },
  })
  .strict()
  .parseAsync();

process.exit(await main());

async function main(): Promise<number> {
  await up();
  await install();
  const verdicts = await tortureOnResumedNodes();
  if (process.env['KEEP_CLUSTER'] === undefined) await down(); // its logs tell how a job was lost
  const sum = (of: (verdict: Verdict) => number): number => verdicts.reduce((total, each) => total + of(each), 0);
  const lost = sum((verdict) => (verdict.lost === undefined ? 0 : 1));
  const [checkpoints, restores] = [sum((verdict) => verdict.checkpoints), sum((verdict) => verdict.restores)];
  const faults = sum((verdict) => verdict.faults.length);
  console.log(
    `jobs ${verdicts.length}, checkpoints ${checkpoints}, restores ${restores}, faults ${faults}, lost ${lost}`,
  );
  return lost > 0 ? 1 : 0;
}

async function tortureOnResumedNodes(): Promise<Verdict[]> {
  const ground: Ground = { wish, cluster: new Turns(), witnesses: new Set(), submittedAt: 0, forgets: 0 };
  using _resuming = resumingDrained();
  using _requeuing = requeuingOver(() => (ground.forgets > 0 ? ground.witnesses : []));
  return await tortureAll(planOf(wish), ground);
}

async function tortureAll(plan: Plan, ground: Ground): Promise<Verdict[]> {
  const waiting = [...plan.jobs];
  const ended: Verdict[] = [];
  const worker = async (): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const number = job.number;
      const faults = plan.faults.filter((fault) => fault.job === number);
      const verdict = await torture(job, faults, ground).catch(failed);
      console.log(lineOf(job, verdict));
      ended.push(verdict);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return ended;
}

function failed(error: unknown): Verdict {
  return { lost: reasonOf(error), checkpoints: 0, restores: 0, holds: 0, faults: [] };
}

function lineOf(
  { number, mode }: JobPlan,
  { lost: why, checkpoints: saved, restores: restored, holds, faults: done }: Verdict,
): string {
  const counts = `${saved} checkpoints, ${restored} restores, ${holds > 0 ? `held ${holds} times, ` : ''}`;
  const happened = `faults: ${done.length > 0 ? done.join(' ') : 'none'}`;
  return `job ${number}, ${mode}: ${why === undefined ? 'exact' : 'LOST'}, ${counts}${happened}${why === undefined ? '' : `\nLOST: ${why}`}`;
}
