// The job's user, started by task-prolog for a job that has run before and asks for nothing now: status 0 if it has
// checkpoints, from which it has to go on whatever its comment says. 3: none; Node's own failures have other numbers.
import { CONFIG_FILE, readConfig } from '../lib/config.ts';
import { reasonOf } from '../lib/errors.ts';
import { messages } from '../lib/messages.ts';
import { runFolder, workDirectoryOf } from '../lib/run-folder.ts';
import { ownStore, siteStore } from '../lib/store/address.ts';
import { openStore } from '../lib/store/store.ts';
import { hasEarlierRuns } from '../lib/supervisor/asked.ts';
import { sayer } from '../lib/supervisor/output.ts';

const NONE = 3;
/** The last one where the Prolog left no run folder: task-prolog's own working directory is the job's. */
const [id = '', user = '', cluster = '', own = '', here] = process.argv.slice(2);

process.exit((await hasCheckpoints()) ? 0 : NONE);

async function hasCheckpoints(): Promise<boolean> {
  try {
    const workDirectory = here ?? (await workDirectoryOf(runFolder(Number(id))));
    const job = { id: Number(id), user, cluster, restarts: 1, workDirectory };
    const { checkpoint } = await readConfig(CONFIG_FILE);
    const address = await (own === '' ? siteStore(checkpoint.directory, job) : ownStore(own, job));
    const store = openStore(address);
    await store.mustBeMounted();
    return await hasEarlierRuns(store);
  } catch (error) {
    // Not held: most jobs that ask for nothing have never asked, and a store that is away would hold them all.
    sayer(Number(id), (line) => console.log(`print [checkpoint] ${line}`))(
      messages.notLooked(reasonOf(error), Number(id)),
    );
    return false;
  }
}
