// What a job leaves behind that can't simply be removed costs it nothing.
import { expect } from 'vitest';
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
  const script = 'chmod 500 .checkpointer-alice/sandbox-$SLURM_JOB_ID';
  const job = await place.submit(script, { comment: 'checkpoint=1-0' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.said()).toEqual([
    expect.stringMatching(/could not be noted that the job is over \(EACCES.* stay in .*remove/),
  ]);
});
