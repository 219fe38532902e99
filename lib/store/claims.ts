// Claims: run.R says that run R of the job may be at work, and where; run.R.released that it no longer is. Which of two runs
// is the older one only their numbers tell: no clock, no lock.
import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { codeOf, isMissing } from '../errors.ts';
import { syncFile } from './durable.ts';
import { beatsOf, claimDraftOf, claimOf, releasedOf } from './names.ts';

const Claim = v.object({
  run: v.number(),
  node: v.string(),
  /** Of that node's boot: another one, and nothing of that run is left there. */
  boot: v.string(),
  /** Seconds after which the run stops by itself if it can't renew its claim; 0: it never does. */
  lease: v.number(),
  /** Slurm may start a run number twice, when it comes back with an older state. */
  nonce: v.string(),
});
export type Claim = v.InferOutput<typeof Claim>;
export type Claimant = Pick<Claim, 'run' | 'node' | 'boot' | 'lease'>;

/** What link(2) fails with on a share that has no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * R1: durable before anything of the user's is touched. `taken`: there is another run of this number, or was.
 * Throws when the store can't be written to.
 */
export async function claim(folder: string, claimant: Claimant): Promise<'claimed' | 'taken'> {
  const nonce = randomUUID();
  const text = JSON.stringify({ ...claimant, nonce } satisfies Claim);
  const draft = path.join(folder, claimDraftOf(claimant.run, nonce));
  const final = path.join(folder, claimOf(claimant.run));
  await writeWhole(draft, text);
  try {
    await link(draft, final);
  } catch (error) {
    if (NO_LINKS.has(codeOf(error) ?? '')) return await claimWithoutLinks(folder, final, text);
    if (codeOf(error) !== 'EEXIST') throw error;
    // An answer that was lost on its way from the server is no other run's claim.
    if ((await readClaim(folder, claimant.run))?.nonce !== nonce) return 'taken';
  } finally {
    await unlink(draft).catch(() => {}); // a later run's sweep
  }
  await syncFile(folder);
  return 'claimed';
}

async function claimWithoutLinks(folder: string, final: string, text: string): Promise<'claimed' | 'taken'> {
  try {
    await write(final, text);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'taken';
    throw error;
  }
  await syncFile(folder);
  return 'claimed';
}

/** Or not at all: on a full disk a file without a text may well be made, again and again. */
async function writeWhole(file: string, text: string): Promise<void> {
  try {
    await write(file, text);
  } catch (error) {
    await unlink(file).catch(() => {});
    throw error;
  }
}

async function write(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'wx', 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

/** Undefined where it can't be understood, as one that was being written without links when the power went. */
export async function readClaim(folder: string, run: number): Promise<Claim | undefined> {
  try {
    return v.parse(Claim, JSON.parse(await readFile(path.join(folder, claimOf(run)), 'utf8')));
  } catch (error) {
    if (codeOf(error) !== undefined) throw error; // it can't be read: nobody knows
    return undefined;
  }
}

/** The last act of a run. It need not be durable: a claim that comes back makes others wait, or ask. */
export async function release(folder: string, run: number): Promise<void> {
  for (const name of beatsOf(run)) await unlink(path.join(folder, name)).catch(() => {}); // there is one at most
  await rename(path.join(folder, claimOf(run)), path.join(folder, releasedOf(run)));
}

/** Throws, or hangs, where the server doesn't answer. */
export async function beat(folder: string, run: number): Promise<void> {
  const [one, other] = beatsOf(run);
  const [a, b] = [path.join(folder, one), path.join(folder, other)];
  if ((await moved(a, b)) || (await moved(b, a))) return;
  await writeFile(a, '', { mode: 0o600 });
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
