import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { callAgent } from '../../../lib/agent/client.ts';
import { parseRequest, type Answer } from '../../../lib/agent/protocol.ts';
import { runFolder } from '../../../lib/run-folder.ts';
import { mustRun } from '../../../lib/system/exec.ts';

let home = '';
let server: Server | undefined;
beforeEach(() => {
  home = mkdtempSync('/tmp/client-test-');
});
afterEach(() => {
  server?.close();
  rmSync(home, { recursive: true });
});

const NO = { kind: 'slot', given: false } as const;
const YES = { kind: 'slot', given: true } as const;
const RESTORED = { kind: 'restored', tree: 12 } as const;
const RESTORE = { supervisor: 2, directory: '/a', continuation: { rootPid: 2, highestPid: 2, uptimeSeconds: 0 } };

/** The supervisor's end of an agent that gives these answers, one a request, the last one for ever. */
async function agentThatAnswers(...answers: readonly Answer[]) {
  const names = { bell: `${home}/bell`, verdict: `${home}/verdict`, socket: `${home}/agent.sock` };
  await mustRun(['mkfifo', names.bell, names.verdict], { deadlineSeconds: 10 });
  const asked: string[] = [];
  server = createServer((caller) => {
    createInterface({ input: caller }).on('line', (line) => {
      asked.push(parseRequest(line).verb);
      caller.write(`${JSON.stringify(answers[Math.min(asked.length, answers.length) - 1])}\n`);
    });
  }).listen(names.socket);
  return { agent: await callAgent({ ...runFolder(1), ...names }), asked };
}

const FOREVER = new AbortController().signal;

test('a slot that is not free is asked for again until it is, and given back', async () => {
  const { agent, asked } = await agentThatAnswers(NO, NO, YES, NO, RESTORED);
  {
    using _ = await agent.slot(FOREVER);
    expect(asked).toEqual(['enter', 'enter', 'enter']);
  }
  expect(await agent.restore(RESTORE)).toEqual(RESTORED); // the answer to "leave" is nobody else's
  expect(asked).toEqual(['enter', 'enter', 'enter', 'leave', 'restore']);
});

test('who can wait no longer asks once, and goes on without', async () => {
  const { agent, asked } = await agentThatAnswers(NO);
  await agent.slot(AbortSignal.abort());
  expect(asked).toEqual(['enter']);
});

test('who waits stops when it is told to', async () => {
  const { agent, asked } = await agentThatAnswers(NO);
  const over = new AbortController();
  const slot = agent.slot(over.signal);
  await expect.poll(() => asked.length, { timeout: 4000 }).toBeGreaterThan(0);
  over.abort();
  await slot;
});

test('an agent of before an upgrade, which knows of no slots, is in nobody’s way', async () => {
  const { agent, asked } = await agentThatAnswers({ kind: 'failed', reason: 'Invalid type' });
  await agent.slot(FOREVER);
  expect(asked).toEqual(['enter']);
});
