import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { parseScriptEnd, startTree, type ScriptEnd } from '../../../lib/tree/tree.ts';
import { tempFolder, TOOLS } from '../temp-folder.ts';

describe('how the script ended is read from', () => {
  test.each<[string, string, ScriptEnd]>([
    ['a status', '0\n', { exitCode: 0 }],
    ['a status that is not 0', '3\n', { exitCode: 3 }],
    [
      "a status that looks like a signal's, when the shell said nothing",
      '137\n',
      { exitCode: 137 },
    ],
    ['a word of the shell and a status', 'Killed\n137\n', { signal: 9 }],
    ['a longer word of another shell', 'sh: line 5: 77 Segmentation fault\n139\n', { signal: 11 }],
    ['several words', 'Aborted\n(core dumped)\n134\n', { signal: 6 }],
    ["a word and a status that is no signal's", 'something\n1\n', { exitCode: 1 }],
    ['a word and a status beyond all signals', 'something\n200\n', { exitCode: 200 }],
  ])('%s', (_what, text, end) => {
    expect(parseScriptEnd(text)).toEqual(end);
  });

  test.each([
    ['nothing', ''],
    ['a line without its end', '13'],
    ['an empty line, which a killed shell leaves', '\n'],
    ['only a word', 'Killed\n'],
    ['no status', 'Killed\n-\n'],
  ])('and cannot be from %s', (_what, text) => {
    expect(parseScriptEnd(text)).toBeUndefined();
  });
});

describe('a script that is run in a tree', () => {
  type Ran = { end: ScriptEnd | undefined; folder: string };

  /** Runs words of sh in a tree of its own. What they write goes to files in `$FOLDER`. */
  async function ran(
    script: string,
    more: { preparation?: string; openFiles?: string } = {},
  ): Promise<Ran> {
    const folder = tempFolder();
    const statusFile = join(folder, 'status');
    if (more.preparation !== undefined) writeFileSync(join(folder, 'prepare'), more.preparation);
    const { process: child } = startTree({
      argv: ['/bin/sh', '-c', script, 'script', 'a b', '$x', ''],
      statusFile,
      environment: { PATH: '/usr/bin:/bin', FOLDER: folder },
      preparation: more.preparation === undefined ? undefined : join(folder, 'prepare'),
      openFiles: more.openFiles ?? '1024',
      path: `${TOOLS}:/usr/local/sbin:/usr/sbin:/sbin`,
    });
    await new Promise((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
    return { end: parseScriptEnd(readFileSync(statusFile, 'utf8')), folder };
  }

  test.each([0, 1, 2, 64, 126, 127, 128, 130, 137, 143, 255])(
    'and ends with %d has ended so, whatever signal that looks like',
    async (status) => {
      expect((await ran(`exit ${status}`)).end).toEqual({ exitCode: status });
    },
  );

  test.each([
    ['HUP', 1],
    ['QUIT', 3],
    ['ABRT', 6],
    ['KILL', 9],
    ['USR1', 10],
    ['SEGV', 11],
    ['USR2', 12],
    ['ALRM', 14],
    ['TERM', 15],
    ['XCPU', 24],
  ])('and is ended by SIG%s has ended so', async (name, signal) => {
    expect((await ran(`ulimit -c 0; kill -${name} $$`)).end).toEqual({ signal });
  });

  test('gets its arguments as they are', async () => {
    const { folder } = await ran('printf "%s|" "$@" >"$FOLDER/said"');
    expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('a b|$x||');
  });

  test('has three descriptors, and none of ours', async () => {
    const { folder } = await ran('ls /proc/$$/fd >"$FOLDER/said"');
    const open = readFileSync(join(folder, 'said'), 'utf8').trim().split('\n').map(Number);
    // Higher ones may come from whoever runs the tests.
    expect(open.filter((fd) => fd < 10)).toEqual([0, 1, 2]);
  });

  test('has the limit of open files that Slurm gave', async () => {
    const { folder } = await ran('ulimit -S -n >"$FOLDER/said"', { openFiles: '321' });
    expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('321\n');
  });

  test('has its environment, and what is prepared for it', async () => {
    const { folder } = await ran('echo "$PREPARED, $HOME" >"$FOLDER/said"', {
      preparation: "export PREPARED='it''s'\n",
    });
    expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('its, \n');
  });

  test('ends when its script does, whatever processes that leaves', async () => {
    const { end, folder } = await ran('(sleep 60 & echo $! >"$FOLDER/left"); exit 4');
    // In a job Slurm ends it with the step's cgroup.
    process.kill(Number(readFileSync(join(folder, 'left'), 'utf8')));
    expect(end).toEqual({ exitCode: 4 });
  });

  test('has a session of its own', async () => {
    const { folder } = await ran(
      'ps -o sid= -p $$ >"$FOLDER/said"; ps -o sid= -p $PPID >"$FOLDER/its"',
    );
    const [own, its] = ['said', 'its'].map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(Number(own)).toBe(Number(its));
    expect(Number(own)).not.toBe(
      Number(execFileSync('ps', ['-o', 'sid=', '-p', String(process.pid)])),
    );
  });
});

test('a tree without tini is an error, and has no root', async () => {
  const folder = tempFolder();
  const start = async (): Promise<void> => {
    const { process: child } = startTree({
      argv: ['/bin/true'],
      statusFile: join(folder, 'status'),
      environment: {},
      preparation: undefined,
      openFiles: '1024',
      path: '/nonexistent',
    });
    await new Promise((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
  };
  await expect(start()).rejects.toThrow(/tini/);
});
