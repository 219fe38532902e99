// `ended`: the job is over, whatever Slurm makes of it. It outlives the run (E3): a requeue that was under way when the job
// ended, or its node declared down a moment later, starts a run that must not do anything again.
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { syncFile } from './durable.ts';
import { ENDED, endedDraftOf } from './names.ts';

const Ended = v.object({
  run: v.number(),
  node: v.string(),
  at: v.string(),
  ending: v.union([v.object({ exitCode: v.number() }), v.object({ signal: v.number() })]),
});
export type Ended = v.InferOutput<typeof Ended>;

/** E1: only once the results are delivered, and durable; before any generation goes. */
export async function writeEnded(folder: string, ended: Ended): Promise<void> {
  const draft = path.join(folder, endedDraftOf(ended.run));
  {
    await using handle = await open(draft, 'w', 0o600);
    await handle.writeFile(JSON.stringify(ended));
    await handle.sync();
  }
  await rename(draft, path.join(folder, ENDED)); // ← the job is over from here on
  await syncFile(folder);
}

/** Throws when it can't be read, or makes no sense: nobody may take the job for one that goes on. */
export async function readEnded(folder: string): Promise<Ended> {
  return v.parse(Ended, JSON.parse(await readFile(path.join(folder, ENDED), 'utf8')));
}
