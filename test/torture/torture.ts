// npm run -s torture -- [--jobs N] [--faults N] [--seed S]: random jobs on the test cluster of this machine, and random faults while they run.
// Each job verifies itself against an undisturbed run. Ends with 1 when anything was lost, and with 2 when an option is wrong.
import setUp from '../cluster/setup.ts';
import { allowComplaints } from '../helpers/leftovers.ts';
import { User } from '../helpers/user.ts';
import { parseCommandLine, WrongOption } from './command-line.ts';
import { inflict } from './faults.ts';
import { Field } from './field.ts';
import { JobRun } from './job-run.ts';
import { plan, type FaultPlan, type JobPlan, type Wish } from './plan.ts';
import { checkpointsIn, restoresIn } from './verdict.ts';

/** Jobs at a time: two cores can save and restore these when it is due. */
const AT_A_TIME = 6;

const MEND_EVERY_MS = 10_000;

/** What the faults make Slurm and us complain of, rightly. */
const PROVOKED =
  /not responding|power cut|cut off|maintenance|[Dd]rain|DRAIN|down|may still be alive|is held|requeue refused|cannot be restored|trying another node|could not be copied|results not delivered|was ended by SIGKILL while it saved|without its script having ended|runs without checkpoints|Slurm ran no Prolog|TaskProlog failed|the checkpoint folder|Kill task failed|Duplicate jobid/;

type Tally = { checkpoints: number; restores: number; faults: number; lost: number };

async function main(wish: Wish): Promise<number> {
  const planned = plan(wish);
  console.log(
    `torture: --jobs ${wish.jobs} --faults ${wish.faults} --seed ${wish.seed} plans the same again`,
  );
  const tearDown = await setUp();
  allowComplaints(PROVOKED);
  const tally: Tally = { checkpoints: 0, restores: 0, faults: 0, lost: 0 };
  const field = new Field();
  const running = new Set<JobRun>();
  const stop = async (): Promise<void> => {
    await Promise.all([...running].map(async (run) => run.cancel()));
    process.exit(130);
  };
  process.once('SIGINT', () => void stop());
  process.once('SIGTERM', () => void stop());
  const waiting = [...planned.jobs];
  const worker = async (): Promise<void> => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const { number } = job;
      const faults = planned.faults.filter((fault) => fault.job === number);
      await torture(job, faults, { wish, field, running, tally }).catch(async (error: unknown) => {
        tally.lost += 1;
        console.log(`${stamp()} job ${number}: the torture itself failed: ${describe(error)}`);
      });
    }
  };
  const caretaker = setInterval(() => void field.mend(), MEND_EVERY_MS).unref();
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  await Promise.all([...running].map(async (run) => run.cancel()));
  await oneMoreJobEverywhere();
  clearInterval(caretaker);
  try {
    await tearDown();
  } catch (error) {
    tally.lost += 1;
    console.log(String(error));
  }
  const { checkpoints, restores, faults, lost } = tally;
  console.log(
    `jobs ${wish.jobs}, checkpoints ${checkpoints}, restores ${restores}, faults ${faults}, lost ${lost}`,
  );
  return lost > 0 ? 1 : 0;
}

type Surroundings = { wish: Wish; field: Field; running: Set<JobRun>; tally: Tally };

/** One job, from its submission to the verdict. */
async function torture(
  job: JobPlan,
  faults: readonly FaultPlan[],
  { wish, field, running, tally }: Surroundings,
): Promise<void> {
  const beganAt = Date.now();
  const run = await JobRun.start(job, wish.seed, field);
  running.add(run);
  const inflicted = faults.map(async (fault) => {
    const victim = run.victims[fault.task];
    if (!victim) return;
    let happened = false;
    await inflict({
      fault,
      victim,
      field,
      happens: (where) => {
        happened = true;
        tally.faults += 1;
        const length = fault.lasts > 0 ? ` for ${fault.lasts} s` : '';
        console.log(
          `${stamp()} fault ${fault.number}: ${fault.kind}${length}, ${where} (job ${job.number}, ${victim.job.name}, ${fault.at} s)`,
        );
      },
    });
    if (!happened) {
      console.log(
        `${stamp()} fault ${fault.number}: ${fault.kind} (job ${job.number}, ${fault.at} s) did not come about`,
      );
    }
  });
  const followed = run.victims.map(async (victim) => victim.follow());
  await Promise.all([...followed, ...inflicted]);
  running.delete(run);
  const outputs = await Promise.all(run.victims.map(async (victim) => victim.job.output()));
  const checkpoints = sum(outputs.map(checkpointsIn));
  const restores = sum(outputs.map(restoresIn));
  tally.checkpoints += checkpoints;
  tally.restores += restores;
  const wrong = run.wrong;
  if (wrong.length > 0) tally.lost += 1;
  const held = sum(run.victims.map((victim) => victim.held));
  const names = run.victims.map((victim) => victim.job.name).join(' and ');
  const nodes = await Promise.all(run.victims.map(async (victim) => victim.job.nodes()));
  console.log(
    `${stamp()} job ${job.number} (${names}: ${job.program}, ${job.user}, ${job.mode}, keep=${job.keep}, every ${job.interval} s, ${job.megabytes} MB, ` +
      `status ${job.status}, ${job.store}): ${wrong.length === 0 ? 'as undisturbed' : 'LOST'} after ${Math.round((Date.now() - beganAt) / 1000)} s, ` +
      `${checkpoints} checkpoints, ${restores} restores, ${faults.length} faults, held ${held} times, ${nodes.map((each) => each.join(' ')).join(' and ')}`,
  );
  for (const each of wrong) console.log(`  ${each}`);
  if (wrong.length > 0) console.log(`  its folder: ${run.victims[0]?.user.folder}`);
  await run.close();
}

/** On a node that came back after a power cut, the first job removes what was left there; and a user's next job what is left in the store. */
async function oneMoreJobEverywhere(): Promise<void> {
  await Promise.all(
    (['alice', 'bob'] as const).map(async (name) => {
      const user = new User(name, 'afterwards');
      await user.open();
      const jobs = await Promise.all(
        ['n1', 'n2'].map(async (node) =>
          user.submit({
            script: '#!/bin/bash\nsleep 3\n',
            comment: 'checkpoint=30',
            options: [`--nodelist=${node}`],
          }),
        ),
      );
      await Promise.all(jobs.map(async (job) => job.ended()));
      await user.close();
    }),
  );
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

const stamp = (): string => new Date().toISOString().slice(11, 19);

try {
  const wish = await parseCommandLine(process.argv.slice(2));
  process.exit(await main(wish));
} catch (error) {
  if (!(error instanceof WrongOption)) throw error;
  console.error(`torture: ${error.message}`);
  process.exit(2);
}
