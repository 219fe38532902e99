// What this run goes by: what its owner asks for now, or, for a job that has checkpoints, asked for when they were made.
import { setTimeout as sleep } from 'node:timers/promises';
import { CONFIG_FILE, readConfig, type Config } from '../config.ts';
import { OptionError, reasonOf } from '../errors.ts';
import type { Job, JobOptions } from '../job.ts';
import { messages } from '../messages.ts';
import { parseOptions, storeAskedFor, wrongFolder, type Sources } from '../options.ts';
import type { Say } from '../run/output.ts';
import { withProgress } from '../run/progress.ts';
import { ownStore, siteStore } from '../store/address.ts';
import { readManifest } from '../store/manifest.ts';
import { tellsOfEarlier } from '../store/names.ts';
import { bySize } from '../store/seal.ts';
import { openStore, type Store } from '../store/store.ts';
import { objectionToFolder } from '../system/folder.ts';

type Asking = {
  readonly sources: Sources;
  readonly checkpoint: Config['checkpoint'];
  readonly job: Pick<Job, 'id' | 'user' | 'cluster' | 'workDirectory' | 'restarts'>;
  readonly say: Say;
};
export type Asked = { readonly options: JobOptions; readonly store: Store; readonly hasCheckpoints: boolean };

/** Throws OptionError, but never where that would cost a job its checkpoints. */
export async function asked(asking: Asking): Promise<Asked> {
  const { job, say } = asking;
  if (job.restarts === 0) return askedAtFirst(asking);
  return withProgress({ say, name: 'Looking for what the job has asked for' }, async () => askedAgain(asking));
}

async function askedAtFirst({ sources, checkpoint, job, say }: Asking): Promise<Asked> {
  const options = { ...nothing(checkpoint), ...parseOptions(sources, defaults(checkpoint)) };
  const own = storeAskedFor(sources);
  // Told now, a wrong folder costs nothing. Once the job has computed it goes on, and its results are kept if need be.
  if (options.results) await mustBeFolder(options.results, 'the results', say);
  if (own && options.intervalSeconds !== undefined) await mustBeFolder(own, 'checkpoints', say);
  if (options.askedFor !== undefined) say(messages.intervalRaised(options.askedFor, checkpoint['shortest-interval']));
  return { options, store: await storeOf(own?.folder, checkpoint, job), hasCheckpoints: false };
}

async function askedAgain({ sources, checkpoint, job, say }: Asking): Promise<Asked> {
  const own = orNothing(() => storeAskedFor(sources));
  const store = await storeOf(own?.folder, checkpoint, job);
  // A store that fails is as good as one that has some: begin() looks again, and holds the job.
  const listing = await store.look().then(
    (seen) => seen.listing,
    () => undefined,
  );
  const hasCheckpoints = !listing || tellsOfEarlier(listing);
  const earlier = await earlierOptions(store).catch(() => undefined);
  try {
    const now = parseOptions(sources, defaults(checkpoint));
    return { options: { ...nothing(checkpoint), ...earlier, ...now }, store, hasCheckpoints };
  } catch (error) {
    // Without a checkpoint nobody knows what it asked for before: begun again, its results would be delivered nowhere.
    const nothingToLose = listing && !listing.ended && listing.generations.length + listing.bad.length === 0;
    if (nothingToLose || !(error instanceof OptionError)) throw error;
    say(messages.oldOptions(reasonOf(error)));
    return { options: earlier ?? nothing(checkpoint), store, hasCheckpoints };
  }
}

/** Whether it was protected in an earlier run: then it may have checkpoints, or be over. Throws when the store can't be read. */
export const hasEarlierRuns = async (store: Store): Promise<boolean> => tellsOfEarlier((await store.look()).listing);

/** What its owner asked for when the newest checkpoint that can be read was made. */
async function earlierOptions(store: Store): Promise<JobOptions | undefined> {
  for (const generation of await store.generations()) {
    const found = await readManifest(generation.path);
    if (found.kind === 'found') return found.manifest.options;
  }
  return undefined;
}

const nothing = ({ keep, mode }: Config['checkpoint']): JobOptions => ({ keep, mode });

const defaults = ({ interval, 'shortest-interval': shortestIntervalSeconds }: Config['checkpoint']) => ({
  intervalSeconds: interval,
  shortestIntervalSeconds,
});

/**
 * For who reads it only, of a job that has run before. @param own SLURM_CHECKPOINT_DIR, or empty
 * Throws where that can't be told, or nothing shows that anything ever was there.
 */
export async function storeOfJob(own: string, job: Asking['job']): Promise<Store> {
  const { checkpoint } = await readConfig(CONFIG_FILE);
  const store = await storeOf(own === '' ? undefined : own, checkpoint, job);
  await store.mustBeMounted();
  return store;
}

const storeOf = async (
  own: string | undefined,
  { directory }: Config['checkpoint'],
  job: Asking['job'],
): Promise<Store> => openStore(await (own === undefined ? siteStore(directory, job) : ownStore(own, job)), bySize);

/** One that hangs may well be right: what it is wanted for waits for it, and says so, or does without. */
const PATIENCE_MS = 60_000;

type Wanted = { readonly folder: string; readonly option: string };

async function mustBeFolder(wanted: Wanted, use: string, say: Say): Promise<void> {
  const objection = await withProgress({ say, name: `Looking at ${wanted.folder}` }, async () =>
    Promise.race([objectionToFolder(wanted.folder), sleep(PATIENCE_MS, undefined, { ref: false })]),
  );
  if (objection !== undefined) throw wrongFolder(wanted, use, objection);
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
