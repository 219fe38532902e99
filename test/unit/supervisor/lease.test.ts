import { expect, test } from 'vitest';

import { LeaseFile } from '../../../lib/store/lease.ts';
import { takeLease } from '../../../lib/supervisor/lease.ts';
import type { Run } from '../../../lib/supervisor/run.ts';
import { tempFolder } from '../temp-folder.ts';

const LEASE_SECONDS = 2;

const runOf = (path: string, restarts: number, nodeName: string): Run =>
  ({
    restarts,
    nodeName,
    token: `${restarts}`,
    store: { path },
    config: { lease: LEASE_SECONDS },
  }) as unknown as Run;

/** Held by a run that died with its node. */
async function leftBehind(path: string): Promise<LeaseFile> {
  const file = new LeaseFile(path);
  await file.write({ run: 1, token: '1', node: 'n2', boot: 'before', state: 'held', beat: 7 });
  return file;
}

test('a run that waited, and that a newer one has overtaken meanwhile, does not take the job', async () => {
  const path = tempFolder();
  const file = await leftBehind(path);
  const older = takeLease(runOf(path, 2, 'n1'));
  await expect.poll(async () => file.claimant()).toMatchObject({ run: 2 });
  // Its node knows that the holder died with it.
  expect(await takeLease(runOf(path, 3, 'n2'))).toBe(true);
  expect(await older).toBe(false);
  expect(await file.read()).toMatchObject({ run: 3, state: 'held' });
});

test('a run that comes when a newer one has claimed the job leaves it to that', async () => {
  const path = tempFolder();
  const file = await leftBehind(path);
  await file.claim({ run: 3, token: '3' });
  expect(await takeLease(runOf(path, 2, 'n2'))).toBe(false);
  expect(await file.claimant()).toMatchObject({ run: 3 });
});

test('a run that has waited in vain for a sign of the holder takes the job', async () => {
  const path = tempFolder();
  const file = await leftBehind(path);
  expect(await takeLease(runOf(path, 2, 'n1'))).toBe(true);
  expect(await file.read()).toMatchObject({ run: 2, node: 'n1', state: 'held' });
});
