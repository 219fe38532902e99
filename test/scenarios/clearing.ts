// What a job leaves behind that can't simply be removed costs it nothing.
import { expect } from 'vitest';
import { chownSync, existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { outside } from '../cluster/layout.ts';
import { scenario } from './scenario.ts';

scenario('a read-only folder in TMPDIR moves along, arrives, and is gone at the end', async (place) => {
  const script = `mkdir $TMPDIR/cache && echo precious > $TMPDIR/cache/module && chmod -R a-w $TMPDIR/cache\n./count 24 0`;
  const job = await place.submit(script, { comment: `checkpoint=0:04 results=${place.path('results')}` });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(job.lines()).toHaveLength(24);
  expect(place.lines('results/cache/module')).toEqual(['precious']);
  expect(place.leftInStore(job)).toEqual([]);
});

scenario('a store that cannot be written to at the end is named, and the job keeps its exit status', async (place) => {
  const store = '.checkpointer-alice/sandbox-$SLURM_JOB_ID';
  const script = `until [ -e ${store}/restored.json ]; do sleep 0.1; done; chmod 500 ${store}`; // how far its output reaches is noted by then
  const job = await place.submit(script, { comment: 'checkpoint=1-0' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.said()).toEqual([
    expect.stringMatching(/could not be noted that the job is over \(EACCES.* stay in .*remove/),
  ]);
});

scenario('what earlier jobs left in the store goes with the next one, once Slurm has forgotten them', async (place) => {
  const store = outside(place.path('.checkpointer-alice'));
  /** As after a job of long ago. */
  const left = (name: string, daysAgo: number, ...files: string[]): string => {
    const folder = path.join(store, name);
    for (const file of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), file === 'ended' ? ENDED : '');
    }
    const made = files.flatMap((file) => [path.dirname(path.join(folder, file)), path.join(folder, file)]);
    for (const each of [store, folder, ...made]) chownSync(each, 2001, 2001);
    utimesSync(folder, Date.now() / 1000 - daysAgo * 86_400, Date.now() / 1000 - daysAgo * 86_400);
    return folder;
  };
  const ENDED = JSON.stringify({ run: 0, node: 'n1', at: '2026-01-01', ending: { exitCode: 0 } });
  const goes = [left('sandbox-900001', 1, 'ended', 'run.0.released'), left('sandbox-900002', 31, '1/x', 'run.0')];
  const stays = [
    left('sandbox-900003', 29, '1/x', 'run.0.released'), // it failed with its node, perhaps
    left('sandbox-900004', 0, 'ended'), // only just
    left('sandbox-900005', 31, 'results/precious', 'ended'),
    left('elsewhere-900001', 31, 'ended'), // another cluster's
  ];
  const job = await place.submit('./count 1 0', { comment: 'checkpoint=1-0' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  await job.until('has swept', () => goes.every((folder) => !existsSync(folder)));
  for (const folder of stays) expect(existsSync(folder)).toBe(true);
  expect(existsSync(path.join(stays[2]!, 'ended'))).toBe(false);
});
