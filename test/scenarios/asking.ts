// What a job's owner asks for, and wherever they say so.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';

scenario('the runscript of the predecessor’s guide moves as it stands', async (place) => {
  const file = readFileSync(path.join(import.meta.dirname, '../fixtures/runscript.sh'), 'utf8');
  const job = await place.submit('', { file, env: { RESULT_FOLDER: place.path('results') }, sbatch: ['-t', '0-1:00'] });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  const numbers = Array.from({ length: 34 }, (_, at) => String(at + 1));
  expect(place.lines('results/looper.txt').map((line) => line.split(' ')[0])).toEqual(numbers);
  expect(job.lines().slice(1)).toEqual(place.lines('results/looper.txt'));
  expect(new Set(job.lines().flatMap((line) => / (pid:.*)/.exec(line)?.[1] ?? [])).size).toBe(1);
});

scenario('what the first checkpoint cost says when the next are due, and one line says why', async (place) => {
  const job = await place.submit('./count 30 0', { comment: 'checkpoint=auto mode=snapshot' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.lines()).toEqual(counted(30));
  expect(job.said().filter((line) => line.startsWith('Checkpoints every'))).toEqual([
    expect.stringMatching(
      /^Checkpoints every [\d:]+ from here on: the last one cost [\d.]+ s, and nodes of this site fail every 30-00:00:00 on average\.$/,
    ),
  ]);
});

scenario('a job whose comment has gone goes on from its checkpoints, as often as it wanted', async (place) => {
  const job = await place.submit('./count 30 0', { comment: 'checkpoint=0:04' });
  await job.until('is under way', () => job.lines().includes('line 3'));
  await asAlice('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'Comment=');
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(job.lines()).toEqual(counted(30));
});

scenario('a comment that became wrong costs a job that has checkpoints nothing', async (place) => {
  const results = place.path('results');
  const script = 'echo precious > $TMPDIR/result; ./count 24 0';
  const job = await place.submit(script, { comment: `checkpoint=0:04 results=${results}` });
  await job.until('is under way', () => job.lines().includes('line 3'));
  await asAlice('ctl', 'scontrol', 'update', `JobId=${job.id}`, 'Comment=checkpoint=soon');
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.lines()).toEqual(counted(24));
  expect(job.said().join('\n')).toMatch(
    /--comment=checkpoint: "soon" is not a time .* goes on with what it was submitted/,
  );
  expect(place.lines('results/result')).toEqual(['precious']);
});

scenario('several names on one line of the script count, in any alphabet', async (place) => {
  const folder = place.makeFolder('Größe');
  const file = `#!/bin/bash\nexport LC_ALL=C SLURM_CHECKPOINT=1-0 RESULT_FOLDER="${folder}" # SLURM_CHECKPOINT=soon\necho x > $TMPDIR/ü\n`;
  const job = await place.submit('', { file });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(place.lines('Größe/ü')).toEqual(['x']);
});

scenario('checkpoints lie where their owner wants them, as many as they want', async (place) => {
  const env = { SLURM_CHECKPOINT: '0:04', SLURM_CHECKPOINT_KEEP: '2', SLURM_CHECKPOINT_DIR: place.makeFolder('mine') };
  const job = await place.submit('./count 48 0', { env });
  await job.says(/restore finished on \w+, checkpoint 3/);
  expect(readdirSync(place.store(job, 'mine')).filter((name) => /^\d+$/.test(name))).toEqual(['2', '3']);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.lines()).toEqual(counted(48));
  expect(place.leftInStore(job, 'mine')).toEqual([]);
});

scenario('a time that is shorter than the site allows is raised, and that is said', async (place) => {
  const job = await place.submit('./count 2 0', { comment: 'checkpoint=0:01' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.said()).toEqual([expect.stringMatching(/^Warning: 00:00:01 is shorter .* every 00:00:02/)]);
});
