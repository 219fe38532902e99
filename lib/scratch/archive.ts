import { lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { reasonOf, Refusal, saysMissing } from '../errors.ts';
import { describeEnd, run } from '../system/run.ts';

/**
 * TMPDIR in a checkpoint: two tar archives and a list of names. The first archive is made while the job runs; the second, with all that
 * changed since, and the list, while the tree is frozen. Archives and not a copied folder, so that what the store's file system
 * cannot hold (nanoseconds, FIFOs, hard links, attributes) is carried all the same, and a thousand small files are one large one.
 */
const ALL = 'tmpdir.tar';
const CHANGED = 'tmpdir.changed.tar';
const NAMES = 'tmpdir.names.json';

/** Below this, copying everything while the tree is frozen is quicker than copying twice. */
const SMALL_BYTES = 16 * 1024 * 1024;

/** Time stamps of files are taken from a clock that may lag by a tick; a second is far more than any tick. */
const SLACK_MS = 1000;

const TAR_OPTIONS = ['--format=posix', '--sparse', '--acls', '--xattrs', '--numeric-owner'];

type Entry = {
  readonly kind: string;
  readonly changedAtMs: number;
  readonly id: string;
  readonly size: number;
};

export type RunningCopy = {
  /** What changed at or after this is copied again: a clock that ticks may stamp two changes alike. */
  readonly sinceMs: number;
  /**
   * The files by their names before the copy began. What has another stamp now is copied again, be it an older one, for clocks are
   * set; and what has another name, for a folder can get a new name without a new time stamp on what is in it.
   */
  readonly before: ReadonlyMap<string, Pick<Entry, 'id' | 'changedAtMs'>>;
};

/** Before there is any copy. */
export const NOTHING_COPIED: RunningCopy = { sinceMs: 0, before: new Map() };

export class ScratchArchive {
  readonly #scratch: string;
  readonly #folder: string;
  readonly #path: string;

  /** @param folder the checkpoint's folder @param path where programs are found */
  constructor(scratch: string, folder: string, path: string) {
    this.#scratch = scratch;
    this.#folder = folder;
    this.#path = path;
  }

  /** Bytes in the archives so far, for a report of progress. */
  async written(): Promise<number> {
    const sizes = await Promise.all(
      [ALL, CHANGED].map(async (name) => {
        try {
          return (await lstat(join(this.#folder, name))).size;
        } catch {
          return 0;
        }
      }),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** The copy made while the job runs: it may catch files half-written, which is mended while the tree is frozen. */
  async copyWhileRunning(): Promise<RunningCopy> {
    const sinceMs = Date.now() - SLACK_MS;
    const entries = [...(await this.#entries())];
    const total = entries.reduce((sum, [, { size }]) => sum + size, 0);
    if (total < SMALL_BYTES) return NOTHING_COPIED;
    const ended = await run(
      [
        'tar',
        '--create',
        '--file',
        join(this.#folder, ALL),
        ...TAR_OPTIONS,
        '--directory',
        this.#scratch,
        '.',
      ],
      { deadlineMs: Infinity, path: this.#path },
    );
    // Status 1: files changed or went away while they were read.
    if (ended.exitCode === 0 || ended.exitCode === 1) {
      return { sinceMs, before: new Map(entries) };
    }
    throw new Refusal(
      `TMPDIR could not be copied: tar ${describeEnd(ended)} (${firstLine(ended.stderr)})`,
    );
  }

  /**
   * Completes the copy while nothing can change. A file's ctime tells what changed, for mtime can be set back; files that the
   * tree has mapped or open for writing are always taken, for a page that stays dirty changes without a new time stamp.
   * @param busy ids (device:inode) and paths of the latter
   */
  async copyWhileFrozen(copy: RunningCopy, busy: ReadonlySet<string>): Promise<void> {
    const entries = await this.#entries();
    const changed = [...entries]
      .filter(
        ([name, entry]) =>
          entry.kind === 'folder' ||
          entry.changedAtMs >= copy.sinceMs ||
          entry.changedAtMs !== copy.before.get(name)?.changedAtMs ||
          entry.id !== copy.before.get(name)?.id ||
          busy.has(entry.id) ||
          busy.has(join(this.#scratch, name)),
      )
      .map(([name]) => name);
    const ended = await run(
      [
        ...['tar', '--create', '--file', join(this.#folder, CHANGED), ...TAR_OPTIONS],
        ...['--directory', this.#scratch, '--no-recursion', '--null', '--files-from=-'],
      ],
      {
        deadlineMs: Infinity,
        path: this.#path,
        input: Buffer.from(changed.map((name) => `${name}\0`).join(''), 'latin1'),
      },
    );
    if (ended.exitCode !== 0) {
      throw new Refusal(
        `TMPDIR could not be copied: tar ${describeEnd(ended)} (${firstLine(ended.stderr)})`,
      );
    }
    const kinds = Object.fromEntries([...entries].map(([name, { kind }]) => [name, kind]));
    await writeFile(join(this.#folder, NAMES), JSON.stringify(kinds), { mode: 0o600 });
  }

  /** Lays TMPDIR back as it was in the checkpoint; what it held before is removed. */
  async layBack(): Promise<void> {
    await emptyFolder(this.#scratch, this.#path);
    const kinds = JSON.parse(await readFile(join(this.#folder, NAMES), 'utf8')) as Record<
      string,
      string
    >;
    try {
      await lstat(join(this.#folder, ALL));
      await this.#extract(ALL);
      // The second archive brings the folders' modes again, and may have something for those that are read-only.
      await run(
        ['find', this.#scratch, ...'-type d ! -perm -700 -exec chmod u+rwx {} ;'.split(' ')],
        { deadlineMs: Infinity, path: this.#path },
      );
    } catch (error) {
      if (!saysMissing(error)) throw error;
    }
    for (const [name, { kind }] of await this.#entries()) {
      if (name === '.' || kinds[name] === kind) continue;
      await rm(bytesOf(this.#scratch, name), { recursive: true, force: true });
    }
    await this.#extract(CHANGED);
  }

  async #extract(archive: string): Promise<void> {
    const ended = await run(
      [
        ...[
          'tar',
          '--extract',
          '--file',
          join(this.#folder, archive),
          '--directory',
          this.#scratch,
        ],
        ...[
          '--preserve-permissions',
          '--sparse',
          '--acls',
          '--xattrs',
          '--delay-directory-restore',
        ],
      ],
      { deadlineMs: Infinity, path: this.#path },
    );
    if (ended.exitCode === 0) return;
    throw new Refusal(
      `TMPDIR could not be laid back from ${archive}: tar ${describeEnd(ended)} (${firstLine(ended.stderr)})`,
    );
  }

  /** Everything in TMPDIR by its name relative to it (a character a byte: it need not be UTF-8), parents before what is in them. */
  async #entries(): Promise<Map<string, Entry>> {
    const entries = new Map<string, Entry>();
    const walk = async (name: string): Promise<void> => {
      const path = join(this.#scratch, readable(name));
      let stat;
      try {
        stat = await lstat(bytesOf(this.#scratch, name));
      } catch (error) {
        if (saysMissing(error)) return;
        throw new Refusal(`TMPDIR holds ${path}, which cannot be read (${reasonOf(error)})`);
      }
      // tar leaves sockets out; criu makes those anew that are in use.
      if (stat.isSocket()) return;
      const kind = stat.isDirectory()
        ? 'folder'
        : stat.isFile()
          ? 'file'
          : stat.isSymbolicLink()
            ? 'link'
            : 'other';
      const id = `${stat.dev}:${stat.ino}`;
      entries.set(name, {
        kind,
        changedAtMs: stat.ctimeMs,
        id,
        size: stat.isFile() ? stat.blocks * 512 : 0,
      });
      if (kind !== 'folder') return;
      let names: string[] = [];
      try {
        names = await readdir(bytesOf(this.#scratch, name), { encoding: 'latin1' });
      } catch (error) {
        if (!saysMissing(error)) {
          throw new Refusal(`TMPDIR holds ${path}, which cannot be read (${reasonOf(error)})`);
        }
      }
      for (const inside of names) await walk(join(name, inside));
    };
    await walk('.');
    return entries;
  }
}

/** Where tar names the file; its last line only says that there was something. */
const firstLine = (text: string): string => text.split('\n')[0] ?? '';

const bytesOf = (folder: string, name: string): Buffer =>
  Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);

const readable = (name: string): string => Buffer.from(name, 'latin1').toString();

/** Removes what is in a folder of the user's own, even below folders that he has made read-only. */
export async function emptyFolder(folder: string, path: string): Promise<void> {
  const empty = async (): Promise<void> => {
    for (const name of await readdir(folder, { encoding: 'latin1' })) {
      await rm(bytesOf(folder, name), { recursive: true, force: true });
    }
  };
  try {
    await empty();
  } catch {
    await run(['chmod', '--recursive', 'u+rwX', '--', folder], { deadlineMs: Infinity, path });
    await empty();
  }
}
