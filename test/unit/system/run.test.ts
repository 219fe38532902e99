import { expect, test } from 'vitest';

import { isAlive } from '../../../lib/system/proc.ts';
import { describeEnd, lastLine, run, runOrThrow } from '../../../lib/system/run.ts';

const PATH = '/usr/bin:/bin';
const within = { deadlineMs: 10_000, path: PATH };
const sh = (script: string): string[] => ['sh', '-c', script];

test('a program that ran to its end: status and both outputs, each without its last line break', async () => {
  expect(await run(sh('echo out; echo; echo err >&2; exit 3'), within)).toEqual({
    exitCode: 3,
    signal: undefined,
    stdout: 'out\n',
    stderr: 'err',
    timedOut: false,
  });
});

test('the environment is clean, but for what was given', async () => {
  const { stdout } = await run(['env'], { ...within, env: { FOO: 'bar' } });
  expect(stdout.split('\n').toSorted()).toEqual(['FOO=bar', 'LC_ALL=C.UTF-8', `PATH=${PATH}`]);
});

test('it runs in the root folder, with no input, or in the folder and with the input given', async () => {
  expect((await run(sh('pwd; cat'), within)).stdout).toBe('/');
  const { stdout } = await run(sh('pwd; cat'), { ...within, cwd: '/tmp', input: 'words' });
  expect(stdout).toBe('/tmp\nwords');
});

test('a program that does not read its input is no trouble', async () => {
  const ended = await run(['true'], { ...within, input: Buffer.alloc(1_000_000) });
  expect(ended.exitCode).toBe(0);
});

test('nobody waits for a child that has outlived a program, and holds its outputs open', async () => {
  const ended = await run(sh('echo said; sleep 100 & exit 3'), { ...within, deadlineMs: Infinity });
  expect(ended).toMatchObject({ exitCode: 3, stdout: 'said', timedOut: false });
});

test('a program with a process group of its own leaves nobody of it behind', async () => {
  const { stdout } = await run(sh('sleep 100 & echo $!'), { ...within, ownGroup: true });
  await expect.poll(() => isAlive(Number(stdout))).toBe(false);
});

test('one that cannot be started says why', async () => {
  const ended = await run(['no-such-program'], within);
  expect(ended).toMatchObject({ exitCode: undefined, signal: undefined });
  expect(ended.stderr).toContain('ENOENT');
  expect(describeEnd(ended)).toBe('could not be started');
});

test('one that a signal ended', async () => {
  const ended = await run(sh('kill -9 $$'), within);
  expect(ended).toMatchObject({ exitCode: undefined, signal: 'SIGKILL', timedOut: false });
});

test('one that takes too long is stopped, and what it started is not waited for', async () => {
  const startedAt = Date.now();
  const ended = await run(sh('echo begun; sleep 20 & sleep 20'), { deadlineMs: 300, path: PATH });
  expect(Date.now() - startedAt).toBeLessThan(4000);
  expect(ended).toMatchObject({ stdout: 'begun', signal: 'SIGTERM', timedOut: true });
  expect(describeEnd(ended)).toBe('took too long and was stopped');
});

test('the deadline holds for one that has ended and left its output to others', async () => {
  const startedAt = Date.now();
  const ended = await run(sh('sleep 20 & echo done'), { deadlineMs: 300, path: PATH });
  expect(Date.now() - startedAt).toBeLessThan(4000);
  expect(ended).toMatchObject({ exitCode: 0, stdout: 'done', timedOut: true });
});

test('one that is called off', async () => {
  const off = new AbortController();
  const running = run(['sleep', '20'], {
    ...within,
    abort: off.signal,
    started: () => off.abort(),
  });
  expect(await running).toMatchObject({ signal: 'SIGTERM', timedOut: false });
  expect(await run(['sleep', '20'], { ...within, abort: off.signal })).toMatchObject({
    signal: 'SIGTERM',
  });
});

test('of a long output the end is kept', async () => {
  const { stdout } = await run(
    sh('head -c 20000000 /dev/zero | tr "\\0" x; echo; echo end'),
    within,
  );
  expect(stdout.length).toBeGreaterThan(8_000_000);
  expect(stdout.length).toBeLessThan(9_000_000);
  expect(lastLine(stdout)).toBe('end');
});

test('runOrThrow returns what was printed, or throws what was said', async () => {
  expect(await runOrThrow(['echo', 'hello'], within)).toBe('hello');
  await expect(runOrThrow(sh('echo why >&2; exit 1'), within)).rejects.toThrow(
    'sh ended with status 1: why',
  );
});
