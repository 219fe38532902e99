// The job's user, started by task-prolog for a requeued job whose Prolog left nothing on this node: says what is to become of
// this run, which can neither be restored nor saved. Slurm runs no Prolog for a job that slurmd knows from before its node lost
// power; it does in the next run, once it has had slurmd end this one.
import { reasonOf } from '../lib/errors.ts';
import { messages } from '../lib/messages.ts';
import { runFolder } from '../lib/run-folder.ts';
import { sayer } from '../lib/run/output.ts';
import { hasEarlierRuns, storeOfJob } from '../lib/supervisor/asked.ts';

/** For task-prolog, by the exit status: Node's own failures have other numbers. */
const BECOMES = { requeued: 10, 'as-if-without-us': 11, held: 12 } as const;
const [id = '', user = '', cluster = '', own = '', workDirectory = '', restarts = '', asks = '', node = ''] =
  process.argv.slice(2);
const job = { id: Number(id), user, cluster, workDirectory, restarts: Number(restarts) };
const say = sayer(job.id, (line) => console.log(`print [checkpoint] ${line}`));

process.exit(BECOMES[await becomes()]);

async function becomes(): Promise<keyof typeof BECOMES> {
  const { path: folder } = runFolder(job.id);
  try {
    const store = await storeOfJob(own, job);
    if (!(await hasEarlierRuns(store)) && asks === '') return 'as-if-without-us';
    if (await store.goesWithoutProlog(job.restarts)) {
      say(messages.noProlog(folder, node));
      return 'requeued';
    }
    say(messages.noPrologAgain(folder, node, job.id));
    return 'held';
  } catch (error) {
    // Not held: most jobs that ask for nothing have never asked, and a store that is away would hold them all.
    say((asks === '' ? messages.notLooked : messages.noPrologNotLooked)(reasonOf(error), job.id));
    return asks === '' ? 'as-if-without-us' : 'held';
  }
}
