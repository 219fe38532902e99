import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import {
  exportedInScript,
  putScriptBack,
  putStub,
  spoolScriptPath,
  stubFor,
} from '../../../lib/slurm/spool.ts';
import { tempFolder } from '../temp-folder.ts';

const PROGRAM = '/opt/slurm-checkpointer/libexec/batch-task';

function scriptOf(text: string | Buffer): string {
  const path = join(tempFolder(), 'slurm_script');
  writeFileSync(path, text, { mode: 0o700 });
  return path;
}

test.each([
  ['/var/spool/slurmd', 7, '/var/spool/slurmd/job00007/slurm_script'],
  ['/var/spool/slurmd', 123456, '/var/spool/slurmd/job123456/slurm_script'],
  ['/var/spool/slurmd.%n', 42, '/var/spool/slurmd.node1/job00042/slurm_script'],
  ['/spool/%h/%n', 42, '/spool/node1/node1/job00042/slurm_script'],
])('the script in %s of job %d is %s', (spool, jobId, path) => {
  expect(spoolScriptPath(spool, 'node1', jobId)).toBe(path);
});

describe('the stub', () => {
  const scripts: [string, Buffer][] = [
    ['an ordinary script', Buffer.from('#!/bin/bash\n#SBATCH -n 1\necho hello\n')],
    ['an empty script', Buffer.alloc(0)],
    ['a script without an end of line', Buffer.from('#!/bin/sh\ntrue')],
    ['a script with a foreign shell', Buffer.from('#!/usr/bin/env python3\nprint(1)\n')],
    ['a script with line ends of another system', Buffer.from('#!/bin/sh\r\ntrue\r\n')],
    ['every byte there is', Buffer.from([...Array(256).keys(), ...Array(256).keys()])],
    ['a script that is much longer than the stub', Buffer.alloc(20_000, 'echo x\n')],
    ['a script that begins as the stub does', Buffer.from('#!/bin/sh\n')],
    [
      'a script that holds the stub further down',
      Buffer.from(`#!/bin/sh\n${'#\n'.repeat(3000)}${stubFor(PROGRAM)}`),
    ],
  ];

  test('is the same that hooks/task-prolog.sh puts, without Node', () => {
    const guard = readFileSync(new URL('../../../hooks/task-prolog.sh', import.meta.url), 'utf8');
    const [, format = ''] = /printf '(#![^']*)'/.exec(guard) ?? [];
    const [, end = ''] = /^stub_end='(.*)'$/m.exec(guard) ?? [];
    expect(execFileSync('printf', [format, PROGRAM, end]).toString()).toBe(stubFor(PROGRAM));
  });

  test('of another kind is an error: run as it stands, it would start a supervisor in a supervisor', () => {
    const end = stubFor(PROGRAM).split('\n')[1];
    const path = scriptOf(Buffer.from(`#!/bin/sh\nexec ${PROGRAM}\n${end}\n#!/bin/bash\ntrue\n`));
    expect(() => putScriptBack(path)).toThrow('begins with a stub of another version');
  });

  test.each(scripts)('comes before %s and is taken off exactly', (_which, original) => {
    const path = scriptOf(original);
    putStub(path, PROGRAM);
    expect(readFileSync(path)).toEqual(Buffer.concat([Buffer.from(stubFor(PROGRAM)), original]));
    putScriptBack(path);
    expect(readFileSync(path)).toEqual(original);
  });

  test.each(scripts)('is put only once before %s', (_which, original) => {
    const path = scriptOf(original);
    putStub(path, PROGRAM);
    putStub(path, PROGRAM);
    putScriptBack(path);
    expect(readFileSync(path)).toEqual(original);
  });

  test.each(scripts)('is not missed where it is not: %s stays', (_which, original) => {
    const path = scriptOf(original);
    putScriptBack(path);
    expect(readFileSync(path)).toEqual(original);
  });

  test('keeps the file itself: bash and Slurm know it by its inode and mode', () => {
    const path = scriptOf('#!/bin/sh\n');
    chmodSync(path, 0o700);
    const before = statSync(path);
    putStub(path, PROGRAM);
    putScriptBack(path);
    const after = statSync(path);
    expect([after.ino, after.mode, after.uid]).toEqual([before.ino, before.mode, before.uid]);
  });

  test('runs the program in place of the script, with its path and arguments', () => {
    const folder = tempFolder();
    const program = join(folder, 'program');
    writeFileSync(program, '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o700 });
    const path = join(folder, 'slurm_script');
    writeFileSync(path, '#!/bin/sh\necho the script itself\n', { mode: 0o700 });
    putStub(path, program);
    const said = execFileSync(path, ['a b', ''], { encoding: 'utf8' });
    expect(said).toBe(`${path}|a b||`);
  });
});

describe('a file that is not plainly the script of the user is left alone', () => {
  test('a symbolic link', () => {
    const target = scriptOf('#!/bin/sh\n');
    const link = `${target}.link`;
    symlinkSync(target, link);
    expect(() => putStub(link, PROGRAM)).toThrow('ELOOP');
    expect(() => putScriptBack(link)).toThrow('ELOOP');
    expect(readFileSync(target, 'utf8')).toBe('#!/bin/sh\n');
  });

  test('a folder', () => {
    const folder = join(tempFolder(), 'slurm_script');
    mkdirSync(folder);
    expect(() => putStub(folder, PROGRAM)).toThrow('EISDIR');
  });

  test('a FIFO', () => {
    const path = join(tempFolder(), 'slurm_script');
    execFileSync('mkfifo', [path]);
    expect(() => putStub(path, PROGRAM)).toThrow("not a regular file of this job's user");
  });

  // One that root may read and write, and nobody else: to root it is no regular file, to others it cannot be opened.
  test.each(['/dev/null', '/proc/sys/kernel/ostype'])('one of somebody else: %s', (path) => {
    expect(() => putScriptBack(path)).toThrow(/not a regular file of this job's user|EACCES/);
  });

  test('one that is not there', () => {
    expect(() => putStub(join(tempFolder(), 'none'), PROGRAM)).toThrow('ENOENT');
  });
});

describe('a script that finds no room for the stub stays as it was', () => {
  // The kernel stops writes beyond this size as a full disk stops them: in the middle, with an error.
  function limitFileSize(bytes: number | 'unlimited'): void {
    execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);
  }

  const stubLength = Buffer.from(stubFor(PROGRAM)).length;

  test.each([
    ['shorter than the stub', 20, 0],
    ['shorter than the stub, with room for some of it', 20, stubLength - 5],
    ['longer than the stub', 5000, 0],
    ['longer than the stub, with room for all but a byte', 5000, stubLength - 1],
  ])('%s', (_which, length, room) => {
    const original = Buffer.alloc(length, '#!/bin/sh\n');
    const path = scriptOf(original);
    const ignore = (): void => undefined;
    process.on('SIGXFSZ', ignore);
    onTestFinished(() => {
      limitFileSize('unlimited');
      process.off('SIGXFSZ', ignore);
    });
    limitFileSize(length + room);
    expect(() => putStub(path, PROGRAM)).toThrow('EFBIG');
    limitFileSize('unlimited');
    expect(readFileSync(path)).toEqual(original);
  });
});

describe('the export lines of a script', () => {
  const environment = {
    HOME: '/home/anna',
    USER: 'anna',
    PWD: '/elsewhere',
    SLURM_SUBMIT_DIR: '/work/anna',
    SLURM_JOB_ID: '17',
    EMPTY: '',
  };
  const exported = (script: string): Record<string, string> =>
    exportedInScript(script, environment);

  describe('give the value that the shell would', () => {
    test.each([
      ['export SLURM_CHECKPOINT=5', '5'],
      ['export SLURM_CHECKPOINT="0-0:45"', '0-0:45'],
      ["export SLURM_CHECKPOINT='0-0:45'", '0-0:45'],
      ['  \texport \t SLURM_CHECKPOINT=5', '5'],
      ['export SLURM_CHECKPOINT=5 # every five minutes', '5'],
      ['export SLURM_CHECKPOINT="5" # every five minutes', '5'],
      ['export SLURM_CHECKPOINT=5\t# every five minutes', '5'],
      ['export SLURM_CHECKPOINT=5; ./run', '5'],
      ['export SLURM_CHECKPOINT=5&& ./run', '5'],
      ['export SLURM_CHECKPOINT=5 OTHER=6', '5'],
      ['export SLURM_CHECKPOINT=', ''],
      ['export SLURM_CHECKPOINT=""', ''],
      ['export SLURM_CHECKPOINT=1\nexport SLURM_CHECKPOINT=2', '2'],
    ])('%j', (script, value) => {
      expect(exported(`#!/bin/bash\n${script}\n./program\n`)).toEqual({ SLURM_CHECKPOINT: value });
    });

    test.each([
      ['$HOME/results', '/home/anna/results'],
      ['"$HOME/results"', '/home/anna/results'],
      ['${HOME}/results', '/home/anna/results'],
      ['"${HOME}/results of $USER"', '/home/anna/results of anna'],
      ['"$HOME"/results', '/home/anna/results'],
      ['$HOME/"my results"', '/home/anna/my results'],
      [`"$HOME"/'$USER'/x`, '/home/anna/$USER/x'],
      ["'$HOME/results'", '$HOME/results'],
      ['/data/$SLURM_JOB_ID', '/data/17'],
      ['/data/a$EMPTY', '/data/a'],
      ['/data/run#3', '/data/run#3'],
      ['/data/my\\ results', '/data/my results'],
      ["/data/it's'", '/data/its'],
      // A batch script starts in the folder that it was submitted from.
      ['$(pwd)', '/work/anna'],
      ['$(pwd)/results', '/work/anna/results'],
      ['"$(pwd)/results"', '/work/anna/results'],
      ['$PWD/results', '/work/anna/results'],
      ["'$(pwd)'", '$(pwd)'],
    ])('RESULT_FOLDER=%s', (value, folder) => {
      expect(exported(`export RESULT_FOLDER=${value}\n`)).toEqual({ RESULT_FOLDER: folder });
    });
  });

  test.each([
    '$NOBODY/x',
    '${HOME:-/x}',
    '`pwd`/x',
    '$constructor/x',
    '/a/$(date +%F)',
    '/a/$(basename',
    '/a"b',
    "/a'b",
    '/a\\',
  ])('keep what only a shell could tell as it stands: %s', (value) => {
    expect(exported(`export RESULT_FOLDER=${value}\n`)).toEqual({ RESULT_FOLDER: value });
  });

  test('take the folder of the environment where Slurm names none', () => {
    expect(exportedInScript('export RESULT_FOLDER=$(pwd)', { PWD: '/here' })).toEqual({
      RESULT_FOLDER: '/here',
    });
  });

  test.each([
    ['a comment', '# export SLURM_CHECKPOINT=5'],
    ['an assignment that is not exported', 'SLURM_CHECKPOINT=5'],
    ['another name that begins the same', 'export SLURM_CHECKPOINT_KEEP=5'],
    ['a name that the predecessor did not know', 'export SLURM_CHECKPOINT_MODE=requeue'],
    ['a name that is exported after another one', 'export A=1 SLURM_CHECKPOINT=5'],
    ['an export without a value', 'export SLURM_CHECKPOINT'],
    ['a line of another command', 'echo export SLURM_CHECKPOINT=5'],
    ['a blank before the value', 'export SLURM_CHECKPOINT =5'],
    ['an option of export', 'export -n SLURM_CHECKPOINT=5'],
  ])('say nothing where there is only %s', (_which, line) => {
    expect(exported(`#!/bin/sh\n${line}\n`)).toEqual({});
  });

  test('are found in a script of both kinds', () => {
    const script =
      '#!/bin/bash\n#SBATCH -n 1\n\nexport SLURM_CHECKPOINT=0-0:30\nexport RESULT_FOLDER=$(pwd)/out\n';
    expect(exported(script)).toEqual({
      SLURM_CHECKPOINT: '0-0:30',
      RESULT_FOLDER: '/work/anna/out',
    });
  });
});

test('the TaskProlog, which puts the stub in place without Node, spells it the same', () => {
  const hook = readFileSync(new URL('../../../hooks/task-prolog.sh', import.meta.url), 'utf8');
  const [, end = ''] = /^stub_end='(.*)'$/m.exec(hook) ?? [];
  const [, format = ''] =
    /printf '(.*?)' "\$PWD\/libexec\/batch-task" "\$stub_end"/.exec(hook) ?? [];
  const words = ['/p/libexec/batch-task', end];
  const spelled = format.replaceAll('\\n', '\n').replaceAll('%s', () => words.shift() ?? '');
  expect(spelled).toBe(stubFor('/p/libexec/batch-task'));
});
