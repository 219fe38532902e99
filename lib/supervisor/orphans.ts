// What earlier jobs of this user have left in the same store: the word that they are over (E3), once no run of theirs can begin
// any more; and the checkpoints of those that came to no end of their own (E4, E5).
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Job } from '../job.ts';
import { messages } from '../messages.ts';
import type { Say } from '../run/output.ts';
import { knownJobs } from '../slurm/squeue.ts';
import { readManifest } from '../store/manifest.ts';
import { openStore, type Store } from '../store/store.ts';
import { addTo } from '../system/copy.ts';

type Around = {
  readonly job: Job;
  readonly store: Store;
  readonly say: Say;
  /** Checkpoints of a job that Slurm no longer knows stay for so long: somebody may want to know. */
  readonly keepSeconds: number;
};

/** Slurm forgets jobs after MinJobAge, 300 s by default: sooner there is nothing to ask about. */
const FORGOTTEN_SECONDS = 600;

export async function sweepOrphans(around: Around): Promise<void> {
  const old: { readonly id: number; readonly store: Store; readonly seconds: number }[] = [];
  for (const { id, folder } of await othersIn(around)) {
    const store = openStore({ folder, home: around.store.home });
    const seconds = Date.now() / 1000 - (await store.changedAt());
    if (seconds > FORGOTTEN_SECONDS) old.push({ id, store, seconds });
  }
  if (old.length === 0) return;
  const known = await knownJobs(around.job);
  for (const { id, store, seconds } of old)
    await sweep(store, { ...around, id, seconds, state: known.get(id) }).catch(() => {}); // by the next job
}

/** Folders of this user's other jobs of this cluster. */
async function othersIn({ job, store }: Around): Promise<{ id: number; folder: string }[]> {
  const parent = path.dirname(store.folder);
  const folders = (await readdir(parent)).flatMap((name) => {
    const id = name.startsWith(`${job.cluster}-`) ? name.slice(job.cluster.length + 1) : '';
    return /^\d+$/.test(id) && Number(id) !== job.id ? [{ id: Number(id), folder: path.join(parent, name) }] : [];
  });
  const mine = await Promise.all(folders.map(async ({ folder }) => (await lstat(folder)).uid === process.getuid?.()));
  return folders.filter((_, at) => mine[at]);
}

type Orphan = Around & { readonly id: number; readonly seconds: number; readonly state: string | undefined };

async function sweep(store: Store, { id, seconds, state, keepSeconds, say }: Orphan): Promise<void> {
  const { listing, unreleased, ended } = await store.look();
  if (ended) return state === undefined ? store.forget() : undefined;
  if (state === 'CANCELLED') {
    if (unreleased.length > 0) return; // nobody knows whether it still writes
    await deliverCancelled(store, id, say);
    await store.removeCheckpoints();
    await store.forget();
  } else if (state === undefined && seconds > keepSeconds) {
    if (listing.generations.length > 0) say(messages.orphan(id, store.folder, seconds));
    await store.removeCheckpoints();
    await store.forget();
  }
}

/** It was cancelled while it waited for its next run: what it had done by its newest checkpoint is all there is. */
async function deliverCancelled(store: Store, id: number, say: Say): Promise<void> {
  const [newest] = await store.generations();
  const found = newest && (await readManifest(newest.path));
  const results = found?.kind === 'found' ? found.manifest.options.results : undefined;
  if (!newest || !results) return;
  const copy = await addTo({ from: newest.tmpdir, to: results.folder });
  if (copy.kind === 'failed') throw new Error(copy.reason); // its checkpoints stay, for the next to try
  say(messages.cancelledDelivered(id, results.folder));
}
