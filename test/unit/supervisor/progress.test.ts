import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { withProgress } from '../../../lib/supervisor/progress.ts';
import { say } from '../../../lib/supervisor/say.ts';

vi.mock('../../../lib/supervisor/say.ts');

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.clearAllMocks();
});

const forSeconds = async (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });

const said = (): string[] => vi.mocked(say).mock.calls.map(([text]) => text);

test('a step that takes longer than ten seconds says how far it is, now and then', async () => {
  const step = withProgress(
    'Dump',
    async () => forSeconds(50),
    async () => 5 * 1024 * 1024,
  );
  await vi.advanceTimersByTimeAsync(9000);
  expect(said()).toEqual([]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(said()).toEqual([expect.stringMatching(/^Dump: 5(\.0)? MiB so far, 10 s$/)]);
  await vi.advanceTimersByTimeAsync(39_000);
  await step;
  expect(said()).toHaveLength(2);
});

test('a step says that it takes long where nobody can tell how far it is, as on a share that hangs', async () => {
  let counts = 0;
  const step = withProgress(
    'Dump',
    async () => forSeconds(50),
    async () => {
      counts += 1;
      return new Promise<number>(() => undefined);
    },
  );
  await vi.advanceTimersByTimeAsync(45_000);
  expect(said()).toEqual([
    expect.stringMatching(/^Dump: 1\d s$/),
    expect.stringMatching(/^Dump: 4\d s$/),
  ]);
  // Each would keep a thread that others need.
  expect(counts).toBe(1);
  await vi.advanceTimersByTimeAsync(5000);
  await step;
});

test('a step that has ended while its bytes were counted says nothing more', async () => {
  const step = withProgress(
    'Dump',
    async () => forSeconds(11),
    async () => new Promise<number>(() => undefined),
  );
  await vi.advanceTimersByTimeAsync(20_000);
  await step;
  expect(said()).toEqual([]);
});
