// Nothing of a move is visible to the job's programs.
import { expect } from 'vitest';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';

scenario('limits are what Slurm and the script set, moved or not', async (place) => {
  const show = 'cut -c 1-61 /proc/self/limits';
  const script = `${show}; ulimit -S -n 300; ulimit -S -c 0; ulimit -t 4000; ${show}; ./count 24 0; ${show}`;
  const job = await place.submit(script, { comment: 'checkpoint=0:04' });
  const undisturbed = await place.submit(script);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  await undisturbed.over();
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual(undisturbed.lines());
});

scenario('a child that the job has stopped stays stopped', async (place) => {
  const ticking = 'while :; do echo tick >> ticks; sleep 0.1; done';
  const script = `(${ticking}) &\nsleep 1; kill -STOP $!; cp ticks before\n./count 24 0\ncmp ticks before && cut -d ' ' -f 3 /proc/$!/stat\nkill -CONT $!; sleep 1; cmp -s ticks before || echo ticks again; kill $!`;
  const job = await place.submit(script, { comment: 'checkpoint=0:04' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(job.lines()).toEqual([...counted(24), 'T', 'ticks again']);
});

scenario('no wait is cut short by a move', async (place) => {
  const job = await place.submit('./waits.pl 36', { comment: 'checkpoint=0:05' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(job.lines()).toEqual(counted(36));
});

scenario('the clock of a job goes on where it stood', async (place) => {
  const script = `exec python3 -c 'import time\nlast = time.monotonic()\nfor i in range(24):\n time.sleep(0.5)\n now = time.monotonic()\n print("ok" if 0.5 <= now - last < 20 else now - last, flush=True)\n last = now'`;
  const job = await place.submit(script, { comment: 'checkpoint=0:04' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual(Array.from({ length: 24 }, () => 'ok'));
});
