import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import {
  emptyFolder,
  NOTHING_COPIED,
  ScratchArchive,
  type RunningCopy,
} from '../../../lib/scratch/archive.ts';
import { tempFolder, TOOLS } from '../temp-folder.ts';

/** Enough that the copy while the job runs is worth its while. */
const LARGE = 17 * 1024 * 1024;

const NAMES = [
  'plain',
  'with blanks  ',
  'line\nbreak',
  'tab\tand\u0007bell',
  '-leading-dash',
  '--remove-files',
  '-C',
  '@list',
  '#hash',
  ';semicolon',
  '*?[a-z]',
  'back\\slash',
  'back\\nslash',
  '"quotes"',
  '..two-dots',
  '.hidden',
  'ünïcödé 名前',
  '\u0065\u0301',
  'x'.repeat(255),
  '__proto__',
  'constructor',
];

let scratch: string;
let archive: ScratchArchive;

const at = (...names: string[]): string => join(scratch, ...names);

beforeEach(() => {
  const folder = tempFolder();
  scratch = join(folder, 'tmpdir');
  const checkpoint = join(folder, 'checkpoint');
  mkdirSync(scratch);
  mkdirSync(checkpoint);
  archive = new ScratchArchive(scratch, checkpoint, TOOLS);
});

/** All that a program could see of TMPDIR, but what nobody can carry: inode numbers and ctimes. */
function visible(): Record<string, unknown> {
  const seen: Record<string, unknown> = Object.create(null);
  const firstOf = new Map<bigint, string>();
  const look = (name: string): void => {
    const path = at(name);
    const stat = lstatSync(path, { bigint: true });
    if (stat.isSocket()) return;
    const sameAs = firstOf.get(stat.ino) ?? name;
    firstOf.set(stat.ino, sameAs);
    seen[name] = {
      mode: stat.mode.toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      modified: stat.mtimeNs,
      sameAs,
      ...(stat.isFile() ? { size: stat.size, content: digestOf(path) } : {}),
      ...(stat.isSymbolicLink() ? { target: readlinkSync(path) } : {}),
    };
    if (stat.isDirectory())
      for (const inside of readdirSync(path).toSorted()) look(join(name, inside));
  };
  look('.');
  return seen;
}

const digestOf = (path: string): string =>
  createHash('sha1')
    .update(readFileSync(path).subarray(0, 64 * 1024))
    .digest('hex');

/** Copies TMPDIR twice, with changes between, spoils it, lays it back, and expects it as it was. */
async function expectCarried(
  between: () => void = () => undefined,
  running = archive.copyWhileRunning(),
): Promise<void> {
  const copy = await running;
  await afterATick();
  between();
  await archive.copyWhileFrozen(copy, new Set());
  const before = visible();
  spoil();
  await archive.layBack();
  expect(visible()).toEqual(before);
}

function spoil(): void {
  makeWritable();
  rmSync(scratch, { recursive: true });
  mkdirSync(scratch, { mode: 0o755 });
  writeFileSync(at('left-over'), 'of another run');
  mkdirSync(at('plain'));
}

/** Past and odd to the nanosecond. Files that are older than a second are not taken for changed. */
function age(...names: string[]): void {
  const time = '--date=2020-01-02 03:04:05.678901234';
  execFileSync('touch', ['--no-dereference', time, ...names], { cwd: scratch });
}

/** Lets an ordinary user remove it. */
function makeWritable(): void {
  execFileSync('chmod', ['--recursive', 'u+rwX', scratch]);
}

/** As large as it has to be, and quickly copied: room that is taken but holds nothing, and a hole, for which tar looks. */
function makeLarge(): void {
  execFileSync('fallocate', ['--length', String(LARGE), at('large')]);
  truncateSync(at('large'), LARGE + 1024 * 1024);
}

/** Files have their times from a clock that may lag by a tick; two are more than enough. */
const afterATick = async (): Promise<void> => sleep(25);

describe.each([
  ['a small TMPDIR, copied once', false],
  ['a large TMPDIR, copied while it runs and completed while it is frozen', true],
])('%s, carries', (_which, large) => {
  beforeEach(() => {
    if (large) makeLarge();
  });

  test('nothing at all', async () => {
    await expectCarried();
    expect(existsSync(join(scratch, '..', 'checkpoint', 'tmpdir.tar'))).toBe(large);
  });

  test('files of every mode, and their times to the nanosecond', async () => {
    for (const mode of [0o600, 0o644, 0o755, 0o444, 0o400, 0o777, 0o4755, 0o2755]) {
      const name = mode.toString(8);
      writeFileSync(at(name), name);
      chmodSync(at(name), mode);
      age(name);
    }
    await expectCarried();
    expect(lstatSync(at('755'), { bigint: true }).mtimeNs % 1_000_000_000n).toBe(678_901_234n);
  });

  test('folders of every mode, empty and full, and their times', async () => {
    for (const mode of [0o700, 0o755, 0o1777, 0o2770]) {
      const name = mode.toString(8);
      mkdirSync(at(name));
      mkdirSync(at(name, 'empty'));
      writeFileSync(at(name, 'file'), name);
      chmodSync(at(name), mode);
      age(name);
    }
    await expectCarried();
  });

  test('folders that are read-only', async () => {
    mkdirSync(at('a', 'b'), { recursive: true });
    writeFileSync(at('a', 'b', 'file'), 'text');
    for (const name of ['a/b', 'a']) chmodSync(at(name), 0o555);
    onTestFinished(makeWritable);
    await expectCarried();
  });

  test("TMPDIR's own mode and time", async () => {
    chmodSync(scratch, 0o750);
    age('.');
    await expectCarried();
  });

  test('names of every kind', async () => {
    for (const name of NAMES) {
      writeFileSync(at(name), `content of ${name}`);
      mkdirSync(at(`folder ${name.slice(0, 200)}`));
      writeFileSync(at(`folder ${name.slice(0, 200)}`, name), name);
    }
    await expectCarried();
  });

  test('hard links as one file', async () => {
    mkdirSync(at('folder'));
    writeFileSync(at('one'), 'text');
    linkSync(at('one'), at('folder', 'two'));
    linkSync(at('one'), at('three'));
    await expectCarried();
    appendFileSync(at('one'), '!');
    expect(readFileSync(at('folder', 'two'), 'utf8')).toBe('text!');
  });

  test('symbolic links, dangling ones too, without following them', async () => {
    symlinkSync('large', at('relative'));
    symlinkSync('/etc', at('absolute'));
    symlinkSync('nowhere', at('dangling'));
    symlinkSync('.', at('loop'));
    symlinkSync('line\nbreak', at('-odd'));
    age('relative', 'absolute', 'dangling');
    await expectCarried();
  });

  test('FIFOs', async () => {
    execFileSync('mkfifo', ['--mode=620', at('fifo')]);
    await expectCarried();
    expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
  });

  test('holes as holes', async () => {
    const file = openSync(at('sparse'), 'w');
    ftruncateSync(file, 64 * 1024 * 1024);
    writeSync(file, 'in the middle', 32 * 1024 * 1024);
    closeSync(file);
    const running = await archive.copyWhileRunning();
    await archive.copyWhileFrozen(running, new Set());
    expect(await archive.written()).toBeLessThan(1024 * 1024);
    spoil();
    await archive.layBack();
    const { size, blocks } = statSync(at('sparse'));
    expect(size).toBe(64 * 1024 * 1024);
    expect(blocks * 512).toBeLessThan(1024 * 1024);
    expect(readFileSync(at('sparse')).indexOf('in the middle')).toBe(32 * 1024 * 1024);
  });

  test('no sockets, which criu makes anew, and everything beside them', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
    onTestFinished(() => void server.close());
    writeFileSync(at('file'), 'text');
    await expectCarried();
    expect(existsSync(at('socket'))).toBe(false);
  });
});

describe('what changes between the two copies is carried as it is at the second', () => {
  beforeEach(async () => {
    makeLarge();
    for (const name of ['file', 'other', 'victim']) writeFileSync(at(name), `old ${name}`);
    mkdirSync(at('folder', 'deep'), { recursive: true });
    writeFileSync(at('folder', 'deep', 'file'), 'old');
    writeFileSync(at('folder', 'file'), 'old');
    mkdirSync(at('read-only'));
    writeFileSync(at('read-only', 'file'), 'old', { mode: 0o400 });
    chmodSync(at('read-only'), 0o500);
    onTestFinished(makeWritable);
    symlinkSync('file', at('link'));
    linkSync(at('victim'), at('second-name'));
    age('file', 'other', 'victim', 'folder/file', 'folder/deep/file');
    await afterATick();
  });

  /** As if all of the above were older than the second by which the running copy mistrusts time stamps. */
  const copyLater = async (): Promise<RunningCopy> => {
    const beganAt = Date.now();
    return { ...(await archive.copyWhileRunning()), sinceMs: beganAt };
  };

  test.each<[string, () => void]>([
    ['nothing', () => undefined],
    ['a new file', () => writeFileSync(at('new'), 'new')],
    ['a new file deep down', () => writeFileSync(at('folder', 'deep', 'new'), 'new')],
    ['text at the end of a file', () => appendFileSync(at('file'), ' and more')],
    ['a file that is cut off', () => writeFileSync(at('file'), '')],
    [
      'a file whose time is set back, and whose size is the same',
      () => {
        const { atime, mtime } = statSync(at('file'));
        writeFileSync(at('file'), 'new file');
        utimesSync(at('file'), atime, mtime);
        age('file');
      },
    ],
    ['a mode', () => chmodSync(at('file'), 0o640)],
    ['the mode of a folder', () => chmodSync(at('folder'), 0o711)],
    [
      'a file that changes in a folder that is read-only at both copies',
      () => {
        chmodSync(at('read-only'), 0o700);
        rmSync(at('read-only', 'file'));
        writeFileSync(at('read-only', 'file'), 'new');
        chmodSync(at('read-only'), 0o500);
      },
    ],
    [
      'a file that is deleted from a folder that is read-only at both copies',
      () => {
        chmodSync(at('read-only'), 0o700);
        rmSync(at('read-only', 'file'));
        chmodSync(at('read-only'), 0o500);
      },
    ],
    ['a file that is deleted', () => rmSync(at('file'))],
    ['a folder that is deleted', () => rmSync(at('folder'), { recursive: true })],
    [
      'everything deleted',
      () => {
        makeWritable();
        for (const name of readdirSync(scratch)) rmSync(at(name), { recursive: true });
      },
    ],
    ['a file that is renamed', () => renameSync(at('file'), at('renamed'))],
    ['a file that is renamed over another', () => renameSync(at('file'), at('other'))],
    ['a folder that is renamed', () => renameSync(at('folder'), at('renamed'))],
    [
      'a folder that takes the name of another',
      () => {
        mkdirSync(at('next'));
        writeFileSync(at('next', 'file'), 'next');
        rmSync(at('folder'), { recursive: true });
        renameSync(at('next'), at('folder'));
      },
    ],
    [
      'a folder that moves down',
      () => {
        mkdirSync(at('above'));
        renameSync(at('folder'), at('above', 'folder'));
      },
    ],
    [
      'two folders that change their names',
      () => {
        renameSync(at('folder', 'deep'), at('kept'));
        renameSync(at('folder'), at('swapped'));
        renameSync(at('kept'), at('folder'));
      },
    ],
    [
      'a file that becomes a folder',
      () => {
        rmSync(at('file'));
        mkdirSync(at('file'));
        writeFileSync(at('file', 'inside'), 'new');
      },
    ],
    [
      'a folder that becomes a file',
      () => {
        rmSync(at('folder'), { recursive: true });
        writeFileSync(at('folder'), 'new');
      },
    ],
    [
      'a folder that becomes a link to another',
      () => {
        renameSync(at('folder'), at('moved'));
        symlinkSync('moved', at('folder'));
      },
    ],
    [
      'a link that becomes a file',
      () => {
        rmSync(at('link'));
        writeFileSync(at('link'), 'new');
      },
    ],
    [
      'a file that becomes a FIFO',
      () => {
        rmSync(at('file'));
        execFileSync('mkfifo', [at('file')]);
      },
    ],
    [
      'a link with another target',
      () => {
        rmSync(at('link'));
        symlinkSync('other', at('link'));
      },
    ],
    ['a new hard link to an old file', () => linkSync(at('file'), at('new-name'))],
    ['one of two hard links deleted', () => rmSync(at('victim'))],
    [
      'hard links that part',
      () => {
        rmSync(at('second-name'));
        writeFileSync(at('second-name'), 'its own');
      },
    ],
    [
      'new names of every kind',
      () => {
        for (const name of NAMES) writeFileSync(at(name), name);
      },
    ],
  ])('%s', async (_what, change) => {
    await expectCarried(change, copyLater());
  });

  test('and what changed after the clock was set back', async () => {
    const DAY_MS = 24 * 3600 * 1000;
    const copy = async (): Promise<RunningCopy> => {
      const running = await copyLater();
      const before = new Map(
        [...running.before].map(([name, { id, changedAtMs }]) => [
          name,
          { id, changedAtMs: changedAtMs + DAY_MS },
        ]),
      );
      return { sinceMs: running.sinceMs + DAY_MS, before };
    };
    await expectCarried(() => appendFileSync(at('file'), ' and more'), copy());
  });

  test('and nothing else: what did not change is not copied again', async () => {
    writeFileSync(at('large'), Buffer.alloc(LARGE, 1));
    await afterATick();
    const running = await copyLater();
    const first = await archive.written();
    writeFileSync(at('new'), 'new');
    await archive.copyWhileFrozen(running, new Set());
    expect(first).toBeGreaterThan(LARGE);
    expect((await archive.written()) - first).toBeLessThan(1024 * 1024);
    await archive.layBack();
    expect(readFileSync(at('large')).equals(Buffer.alloc(LARGE, 1))).toBe(true);
  });

  test('and what is busy, for a page that stays dirty changes without a new time', async () => {
    writeFileSync(at('large'), Buffer.alloc(LARGE, 1));
    await afterATick();
    const running = await copyLater();
    const first = await archive.written();
    const { dev, ino } = statSync(at('large'));
    await archive.copyWhileFrozen(running, new Set([`${dev}:${ino}`]));
    expect((await archive.written()) - first).toBeGreaterThan(LARGE);
  });
});

test('what changed up to a second before the running copy is copied again, for clocks lag', async () => {
  makeLarge();
  const before = Date.now();
  const { sinceMs } = await archive.copyWhileRunning();
  expect(sinceMs).toBeLessThanOrEqual(Date.now() - 1000);
  expect(sinceMs).toBeGreaterThanOrEqual(before - 1000);
});

test('a small TMPDIR is copied only while it is frozen', async () => {
  writeFileSync(at('file'), 'text');
  expect(await archive.copyWhileRunning()).toBe(NOTHING_COPIED);
  expect(await archive.written()).toBe(0);
});

test('names that are no UTF-8 are carried, and removed where they do not belong', async () => {
  execFileSync('bash', ['-c', String.raw`mkdir $'d\xe9'; echo text >$'d\xe9/caf\xe9'`], {
    cwd: scratch,
  });
  await archive.copyWhileFrozen(NOTHING_COPIED, new Set());
  execFileSync('bash', ['-c', String.raw`rm -r $'d\xe9'; mkdir $'e\xe9'; echo >$'e\xe9/\xff'`], {
    cwd: scratch,
  });
  await archive.layBack();
  const text = execFileSync('bash', ['-c', String.raw`ls | wc -l; cat $'d\xe9/caf\xe9'`], {
    cwd: scratch,
  });
  expect(text.toString()).toBe('1\ntext\n');
});

describe('a TMPDIR that cannot be carried is refused', () => {
  test('with what tar says, where the checkpoint cannot be written', async () => {
    const nowhere = new ScratchArchive(scratch, join(scratch, 'none'), TOOLS);
    await expect(nowhere.copyWhileFrozen(NOTHING_COPIED, new Set())).rejects.toThrow(
      /TMPDIR could not be copied: tar ended with status 2 \(.+\)/,
    );
  });

  test('where tar is not there', async () => {
    const without = new ScratchArchive(scratch, tempFolder(), '/nonexistent');
    await expect(without.copyWhileFrozen(NOTHING_COPIED, new Set())).rejects.toThrow(
      'tar could not be started',
    );
  });
});

test('a folder is emptied, read-only folders in it too, and stays itself', async () => {
  mkdirSync(at('a', 'b'), { recursive: true });
  writeFileSync(at('a', 'b', 'file'), '');
  symlinkSync('/etc', at('a', 'link'));
  chmodSync(at('a', 'b'), 0o500);
  chmodSync(at('a'), 0o500);
  await emptyFolder(scratch, TOOLS);
  expect(readdirSync(scratch)).toEqual([]);
  expect(existsSync('/etc/passwd')).toBe(true);
});
