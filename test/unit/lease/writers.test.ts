import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { monotonic } from '../../../lib/lease/lease.ts';
import type { Answer } from '../../../lib/lease/renewal.ts';
import { briefLease } from '../../../lib/lease/writers.ts';

/** As one that copies, for as long as it may. */
const copies = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });

test.each(['unknown', 'superseded'] as const)(
  'what copies for the Epilog is ended once nobody has renewed its lease: %s',
  async (answer) => {
    const copy = copies();
    await once(copy, 'spawn');
    using lease = briefLease({ since: monotonic(), seconds: 0.3, askStore: async (): Promise<Answer> => answer });
    expect(await once(copy, 'exit')).toEqual([null, 'SIGKILL']);
    expect(lease.isValid()).toBe(false);
  },
);

test('a run that has no lease has one for ever', () => {
  using lease = briefLease({ since: monotonic() - 10, seconds: 0, askStore: async (): Promise<Answer> => 'unknown' });
  expect(lease.isValid()).toBe(true);
});
