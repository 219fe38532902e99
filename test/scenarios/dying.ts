// However a script ends, Slurm sees what it would have seen.
import { expect } from 'vitest';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';

for (const [signal, number] of Object.entries({ KILL: 9, SEGV: 11, PIPE: 13, USR1: 10, TERM: 15, INT: 2 })) {
  scenario(`a script that dies of SIG${signal} is a job that died of it`, async (place) => {
    const script = `ulimit -c unlimited; echo started; kill -${signal} $$; sleep 10`;
    const job = await place.submit(script, { comment: 'checkpoint=1-0' });
    const undisturbed = await place.submit(script);
    const { state, exitCode } = await undisturbed.over();
    expect(exitCode).toBe(`0:${number}`);
    expect(await job.over()).toMatchObject({ state, exitCode, restarts: 0 });
    expect(job.lines()).toEqual(['started']);
    expect(job.said()).toEqual([]);
  });
}

scenario('a script that ends its whole process group ends as it says, and so does one that says 143', async (place) => {
  const ends = ['trap "trap - TERM; kill 0; exit 5" EXIT; sleep 100 & ./count 20 0', './count 20 0; exit 143'];
  const [group, status] = await Promise.all(ends.map(async (end) => place.submit(end, { comment: 'checkpoint=0:04' })));
  expect(await group!.over()).toMatchObject({ state: 'FAILED', exitCode: '0:15' });
  expect(await status!.over()).toMatchObject({ state: 'FAILED', exitCode: '143:0' });
  for (const job of [group!, status!]) {
    expect(job.moves()).toBeGreaterThanOrEqual(1);
    expect(job.lines()).toEqual(counted(20));
  }
});
