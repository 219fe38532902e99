// What a job leaves behind that can't simply be removed costs it nothing.
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { scenario } from './scenario.ts';

scenario('a read-only folder in TMPDIR moves along, arrives, and is gone at the end', async (place) => {
  const script = `mkdir $TMPDIR/cache && echo precious > $TMPDIR/cache/module && chmod -R a-w $TMPDIR/cache\n./count 24 0`;
  const job = await place.submit(script, { comment: `checkpoint=0:04 results=${place.path('results')}` });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(job.lines()).toHaveLength(24);
  expect(place.lines('results/cache/module')).toEqual(['precious']);
  expect(existsSync(outside(place.path('.checkpointer-alice')))).toBe(false);
});

scenario('checkpoints that cannot be removed are named, and the job keeps its exit status', async (place) => {
  const script = `store=.checkpointer-alice/$SLURM_JOB_ID; mkdir -p $store/7 && chmod 500 $store`;
  const job = await place.submit(script, { comment: 'checkpoint=1-0' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  const store = place.path(`.checkpointer-alice/${job.id}`);
  expect(job.said()).toEqual([expect.stringContaining(`${store} could not be removed (EACCES`)]);
});
