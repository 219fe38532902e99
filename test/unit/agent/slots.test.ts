import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { slots } from '../../../lib/agent/slots.ts';

vi.setConfig({ testTimeout: 60_000 }); // it starts programs

let run = '';
const started: ChildProcess[] = [];
beforeEach(() => {
  run = mkdtempSync('/tmp/slots-test-');
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(run, { recursive: true });
});

function folderOf(job: number) {
  const folder = path.join(run, String(job));
  mkdirSync(folder, { recursive: true });
  return { path: folder, writing: path.join(folder, 'writing') };
}

/** An agent: does what it is told, a line each, and answers with a line. */
function agent(job: number, writers: number) {
  const program = `
    import { slots } from ${JSON.stringify(path.resolve('lib/agent/slots.ts'))};
    import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
    import { createInterface } from 'node:readline';
    const mine = slots(${JSON.stringify(folderOf(job))}, ${writers});
    const inside = ${JSON.stringify(path.join(run, 'inside'))};
    const words = {
      enter: () => mine.enter(),
      leave: () => mine.leave(),
      rush() {
        let most = 0;
        for (let times = 0; times < 200; ) {
          if (!mine.enter()) continue;
          mkdirSync(inside + '/${job}');
          most = Math.max(most, readdirSync(inside).length);
          rmdirSync(inside + '/${job}');
          mine.leave();
          times += 1;
        }
        return most;
      },
    };
    for await (const word of createInterface({ input: process.stdin })) console.log(String(words[word]()));`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  started.push(child);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (word: 'enter' | 'leave' | 'rush'): Promise<string> => {
    child.stdin.write(`${word}\n`);
    return String((await answers.next()).value);
  };
  const kill = async (): Promise<unknown> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    return gone;
  };
  return { ask, kill };
}

test('who comes when all slots are taken is sent away, until somebody leaves', async () => {
  const [first, second, third] = [agent(1, 2), agent(2, 2), agent(3, 2)] as const;
  expect(await first.ask('enter')).toBe('true');
  expect(await second.ask('enter')).toBe('true');
  expect(await third.ask('enter')).toBe('false');
  expect(existsSync(path.join(run, '3/writing'))).toBe(false);
  await second.ask('leave');
  expect(await third.ask('enter')).toBe('true');
});

test('an agent that is killed leaves no slot taken, nor does one that the node’s last boot ended', async () => {
  const [first, second] = [agent(1, 1), agent(2, 1)] as const;
  expect(await first.ask('enter')).toBe('true');
  expect(await second.ask('enter')).toBe('false');
  await first.kill();
  symlinkSync(`${process.pid}-1`, folderOf(4).writing); // of another process that had our pid
  symlinkSync('nonsense', folderOf(5).writing);
  expect(await second.ask('enter')).toBe('true');
  expect(existsSync(path.join(run, '1/writing'))).toBe(false); // a link to nowhere
  expect(readdirSync(path.join(run, '1'))).toEqual(['writing']);
});

test('the next agent of the same job is not in the way of its own', async () => {
  const first = agent(1, 1);
  await first.ask('enter');
  await first.kill();
  const mine = slots(folderOf(1), 1);
  expect([mine.enter(), mine.enter()]).toEqual([true, true]);
  mine.leave();
  expect(readdirSync(path.join(run, '1'))).toEqual([]);
});

test('however many rush in, there are never more than may be', async () => {
  mkdirSync(path.join(run, 'inside'));
  const most = await Promise.all([1, 2, 3, 4].map(async (job) => agent(job, 2).ask('rush')));
  for (const seen of most) expect(Number(seen)).toBeLessThanOrEqual(2);
});
