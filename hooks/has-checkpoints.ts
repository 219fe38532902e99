// The job's user, started by task-prolog for a job that has run before and asks for nothing now: status 0 if it has
// checkpoints, from which it has to go on whatever its comment says. 3: none; Node's own failures have other numbers.
import { reasonOf } from '../lib/errors.ts';
import { messages } from '../lib/messages.ts';
import { runFolder, workDirectoryOf } from '../lib/run-folder.ts';
import { sayer } from '../lib/run/output.ts';
import { hasEarlierRuns, storeOfJob } from '../lib/supervisor/asked.ts';

const NONE = 3;
const [id = '', user = '', cluster = '', own = ''] = process.argv.slice(2);

process.exit((await hasCheckpoints()) ? 0 : NONE);

async function hasCheckpoints(): Promise<boolean> {
  try {
    const workDirectory = await workDirectoryOf(runFolder(Number(id)));
    return await hasEarlierRuns(await storeOfJob(own, { id: Number(id), user, cluster, workDirectory, restarts: 1 }));
  } catch (error) {
    // Not held: most jobs that ask for nothing have never asked, and a store that is away would hold them all.
    sayer(Number(id), (line) => console.log(`print [checkpoint] ${line}`))(
      messages.notLooked(reasonOf(error), Number(id)),
    );
    return false;
  }
}
