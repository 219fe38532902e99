// The job's user, started by task-prolog for a job that has run before and asks for nothing now: status 0 if it has
// checkpoints, from which it has to go on whatever its comment says.
import { CONFIG_FILE, readConfig } from '../lib/config.ts';
import { openStore, ownStoreFolder, storeFolder } from '../lib/store/store.ts';

const [id = '', user = '', own = ''] = process.argv.slice(2);
const job = { id: Number(id), user, workDirectory: process.cwd() };

process.exit((await hasCheckpoints()) ? 0 : 1);

async function hasCheckpoints(): Promise<boolean> {
  try {
    const { checkpoint } = await readConfig(CONFIG_FILE);
    const folder = own === '' ? storeFolder(checkpoint.directory, job) : ownStoreFolder(own, job);
    return (await openStore(folder).newest()) !== undefined;
  } catch {
    return false; // a job that never asked for anything is not held for a folder that can't be read
  }
}
