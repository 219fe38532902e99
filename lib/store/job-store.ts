import {
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

import * as v from 'valibot';

import { reasonOf, Refusal, saysMissing } from '../errors.ts';
import { run } from '../system/run.ts';
import { syncFolder, syncTree } from './durable.ts';
import { findMissing } from './integrity.ts';
import { LeaseFile } from './lease.ts';
import { MANIFEST_FILE, parseManifest, type Manifest, type ManifestOutcome } from './manifest.ts';

/** The folder of a user's checkpoints: the site's place, or the user's own. */
export function storeFolder(site: string, own: string | undefined, userName: string): string {
  if (own !== undefined) return own;
  const folder = site.replace(/^~/, homedir()).replaceAll('%u', userName);
  return site.startsWith('~') || site.includes('%u') ? folder : join(folder, userName);
}

/** A committed checkpoint. */
export type Generation = { readonly number: number; readonly path: string };

/** A checkpoint in the making: it exists for nobody until `commit`, and is gone with its scope otherwise. */
export class Draft implements AsyncDisposable {
  readonly number: number;
  readonly path: string;
  readonly #target: string;
  #committed = false;

  /** @param restarts of the job: an older run that is cut off must not get at the drafts of the one that took its place */
  constructor(number: number, restarts: number, target: string) {
    this.number = number;
    this.#target = target;
    this.path = `${target}.${restarts}.partial`;
  }

  get images(): string {
    return join(this.path, 'images');
  }

  /** Where it will lie when it is committed. */
  get finalPath(): string {
    return this.#target;
  }

  /** Makes all that lies in it survive a power cut. */
  async sync(): Promise<void> {
    await syncTree(this.path);
  }

  /**
   * Gives a draft that is durable its manifest and its final name. That rename is the commit: before it there is no checkpoint,
   * after it the job's past until here is safe.
   * @param check throws when there must be no commit after all
   */
  async commit(manifest: Manifest, check: () => void = () => undefined): Promise<void> {
    const text = `${JSON.stringify(manifest, null, 1)}\n`;
    // What no restore would read is no checkpoint.
    const outcome = parseManifest(text);
    const damage =
      outcome.kind === 'damaged' ? outcome.reason : await findMissing(this.path, manifest.contents);
    if (damage !== undefined) throw new Error(`the checkpoint would be useless: ${damage}`);
    const file = await open(join(this.path, MANIFEST_FILE), 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(this.path);
    check();
    await rename(this.path, this.#target);
    this.#committed = true;
    await syncFolder(dirname(this.#target));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#committed) return;
    // Where the store is away, what is to be told is that; a later run's pruning removes it.
    await rm(this.path, { recursive: true, force: true }).catch(() => undefined);
  }
}

const CLUSTER_FILE = 'cluster';
const RESTORE_LOGS = /^restore\.log\.(\d+)$/;

/** The run in which the job came to its end, and how that was. */
export const OVER_FILE = 'over.json';
const OverNote = v.object({ run: v.number(), end: v.unknown(), cluster: v.optional(v.string()) });
type OverNote = v.InferOutput<typeof OverNote>;

export function parseOverNote(text: string): OverNote | undefined {
  try {
    return v.parse(OverNote, JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What becomes of that note when a job's checkpoints are removed: for a while it stays beside them. */
export const endNoteOf = (store: string): string => `${store}.over`;

/** The checkpoints of one job. Everything here is done as the job's user. */
export class JobStore {
  readonly #cluster: string;
  readonly path: string;
  /** Where a result that could not be delivered is kept; it outlives the job's checkpoints. */
  readonly undelivered: string;
  readonly #restarts: number;

  /**
   * @param restarts how often the job has been requeued
   * @param cluster its name: several clusters may share a store, and number their jobs alike
   */
  constructor(folder: string, jobId: number, { restarts = 0, cluster = '' } = {}) {
    this.#restarts = restarts;
    this.#cluster = cluster;
    this.path = join(folder, String(jobId));
    this.undelivered = join(folder, `${jobId}.results`);
  }

  /** Whether an earlier run of this job has been here. Throws Refusal when that cannot be known. */
  async exists(): Promise<boolean> {
    try {
      return (await stat(this.path)).isDirectory();
    } catch (error) {
      if (saysMissing(error)) return false;
      throw new Refusal(`the checkpoint folder ${this.path} cannot be read (${reasonOf(error)})`, {
        cause: error,
      });
    }
  }

  /** Opens the store for a job's first run: what another job of the same number left is put aside, never used. Returns where that is. */
  async openAfresh(): Promise<string | undefined> {
    try {
      let aside: string | undefined;
      if (await this.exists()) {
        await this.#refuseForeign();
        aside = `${this.path}.left-${Date.now()}`;
        await rename(this.path, aside);
      }
      await this.open();
      await this.forgetEnd();
      return aside;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal(`the checkpoint folder ${this.path} cannot be made (${reasonOf(error)})`, {
        cause: error,
      });
    }
  }

  /** Makes the folder if it is not there. Throws Refusal when it is not this user's own: links in it could lead anywhere. */
  async open(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await this.#refuseForeign();
    if (this.#cluster === '') return;
    try {
      await writeFile(join(this.path, CLUSTER_FILE), `${this.#cluster}\n`, { mode: 0o600 });
    } catch (error) {
      throw new Refusal(
        `the checkpoint folder ${this.path} cannot be written (${reasonOf(error)})`,
        { cause: error },
      );
    }
  }

  /**
   * Notes that the job has come to its end in this run, and how: for the Epilog where no agent can tell it, and for a next run that Slurm
   * starts all the same, as of a job that ended while it was to be requeued. Throws Refusal when a newer run has the job by now, which did
   * not end with it.
   */
  async noteOver(end: unknown): Promise<void> {
    const held = await new LeaseFile(this.path).read();
    if (held && held.run > this.#restarts) throw new Refusal('a newer run of this job has it');
    const note: OverNote = { run: this.#restarts, end, cluster: this.#cluster };
    await writeFile(join(this.path, OVER_FILE), `${JSON.stringify(note)}\n`, { mode: 0o600 });
  }

  /** What an earlier run has noted so, or one of the same number (lease.ts). */
  async overBefore(): Promise<OverNote | undefined> {
    const note = await this.#overNote();
    return note && note.run <= this.#restarts ? note : undefined;
  }

  /** Whether any of its runs has noted so. */
  async isNotedOver(): Promise<boolean> {
    return (await this.#overNote()) !== undefined;
  }

  async #overNote(): Promise<OverNote | undefined> {
    return parseOverNote(await readFile(join(this.path, OVER_FILE), 'utf8').catch(() => ''));
  }

  /**
   * What the Epilog has left of such a note when it removed the checkpoints; `at`: when the job came to its end, in milliseconds since the
   * epoch. Nothing where the job has checkpoints: then it has begun anew since.
   */
  async endedBefore(): Promise<{ readonly end: unknown; readonly at: number } | undefined> {
    try {
      const { mtimeMs } = await stat(endNoteOf(this.path));
      const note = parseOverNote(await readFile(endNoteOf(this.path), 'utf8'));
      const isOfOther = (note?.cluster ?? '') !== this.#cluster;
      if (!note || isOfOther || (await this.generations()).length > 0) return undefined;
      return { end: note.end, at: mtimeMs };
    } catch (error) {
      if (saysMissing(error)) return undefined;
      throw error;
    }
  }

  /** Removes that note: it says nothing of this job any more. */
  async forgetEnd(): Promise<void> {
    if (await this.endedBefore()) await rm(endNoteOf(this.path), { force: true });
  }

  /** Whether the job of this number is another cluster's. */
  async isOfOtherCluster(): Promise<boolean> {
    try {
      const name = (await readFile(join(this.path, CLUSTER_FILE), 'utf8')).trim();
      return name !== '' && this.#cluster !== '' && name !== this.#cluster;
    } catch {
      return false;
    }
  }

  /** Newest first. Throws Refusal when the folder cannot be read. */
  async generations(): Promise<Generation[]> {
    let names: string[];
    try {
      names = await readdir(this.path);
      await this.#refuseForeign();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      // The job's own folder may be missing, but not all of the user's: then a share is not mounted here.
      const missing = saysMissing(error);
      if (missing && (await isFolder(dirname(this.path)))) return [];
      throw new Refusal(`the checkpoint folder ${this.path} cannot be read (${reasonOf(error)})`, {
        cause: error,
      });
    }
    return names
      .filter((name) => /^[1-9]\d*$/.test(name))
      .map((name) => ({ number: Number(name), path: join(this.path, name) }))
      .toSorted((a, b) => b.number - a.number);
  }

  /**
   * A checkpoint is a program that will run as this user: in a store for all users, somebody else may have made the folder that should be
   * his. Throws Refusal.
   */
  async #refuseForeign(): Promise<void> {
    if (await this.isOfOtherCluster()) {
      throw new Refusal(
        `the checkpoint folder ${this.path} is in use by the job of the same number on another cluster: choose another place with SLURM_CHECKPOINT_DIR`,
      );
    }
    const { uid, mode } = await lstat(this.path);
    if (uid === process.getuid?.() && (mode & 0o022) === 0) return;
    throw new Refusal(
      `the checkpoint folder ${this.path} belongs to somebody else, or others may write in it: it cannot be trusted`,
    );
  }

  /** Bytes of all checkpoints that the job's owner has in this folder. */
  async bytesOfUser(path: string): Promise<number> {
    const ended = await run(['du', '--summarize', '--bytes', dirname(this.path)], {
      deadlineMs: 300_000,
      path,
    });
    return Number(ended.stdout.split('\t')[0] ?? 0);
  }

  async manifestOf(generation: Generation): Promise<ManifestOutcome> {
    let text: string;
    try {
      text = await readFile(join(generation.path, MANIFEST_FILE), 'utf8');
    } catch (error) {
      // A share that is away hides the folder, too.
      const missing = saysMissing(error) && (await isFolder(generation.path));
      return missing
        ? { kind: 'damaged', reason: 'its manifest is missing' }
        : { kind: 'unreadable', reason: `its manifest cannot be read (${reasonOf(error)})` };
    }
    return parseManifest(text);
  }

  /** The user's other jobs that had a file open for writing, or as their output, at their newest checkpoint. Those that are over are not known. */
  async otherWritersOf(path: string): Promise<number[]> {
    const folder = dirname(this.path);
    const ids = (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
    const writers = await Promise.all(
      ids.map(async (id) => {
        const other = new JobStore(folder, id);
        if (other.path === this.path) return [];
        const [newest] = await other.generations().catch(() => []);
        const outcome = newest && (await other.manifestOf(newest));
        if (outcome?.kind !== 'found') return [];
        const { files, outputs } = outcome.manifest;
        return [...files, ...outputs].some((each) => each.path === path) ? [id] : [];
      }),
    );
    return writers.flat();
  }

  /** Takes a checkpoint out of the row, for somebody to look at. */
  async putAside(generation: Generation): Promise<void> {
    await rename(generation.path, `${generation.path}.damaged-${Date.now()}`);
  }

  async draft(): Promise<Draft> {
    const [newest] = await this.generations();
    const number = (newest?.number ?? 0) + 1;
    const draft = new Draft(number, this.#restarts, join(this.path, String(number)));
    try {
      await rm(draft.path, { recursive: true, force: true });
      await mkdir(draft.images, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new Refusal(
        `the checkpoint folder ${this.path} cannot be written (${reasonOf(error)})`,
        {
          cause: error,
        },
      );
    }
    return draft;
  }

  /**
   * Removes all but the newest `keep` checkpoints, what nobody finished (drafts and removals), and criu's logs of earlier runs' restores. No
   * draft may be in the making.
   */
  async prune(keep: number): Promise<void> {
    const old = (await this.generations()).slice(keep);
    await Promise.all(old.map(async ({ path }) => discardFolder(path)));
    const useless = (await readdir(this.path)).filter(
      (name) =>
        /^[1-9]\d*\.(?:\d+\.partial|removed)$/.test(name) ||
        Number(RESTORE_LOGS.exec(name)?.[1] ?? Infinity) < this.#restarts,
    );
    await Promise.all(
      useless.map(async (name) => rm(join(this.path, name), { recursive: true, force: true })),
    );
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Renames before it removes, so that nothing half-removed carries a checkpoint's name. */
async function discardFolder(path: string): Promise<void> {
  const doomed = `${path}.removed`;
  await rm(doomed, { recursive: true, force: true });
  await rename(path, doomed);
  await rm(doomed, { recursive: true, force: true });
}
