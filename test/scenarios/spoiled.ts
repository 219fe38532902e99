// A job's owner has taken away, or spoiled, what one of our hooks needs: it is said, and costs no more than that.
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { outside, own } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted } from './job.ts';
import { UNMOVED } from './mover.ts';
import { scenario } from './scenario.ts';
import { asAlice, until } from './slurm.ts';

scenario('results that can be neither delivered nor kept are left where they are, and that is said', async (place) => {
  const folder = place.makeFolder('hers');
  const store = `.checkpointer-alice/sandbox-$SLURM_JOB_ID`;
  const script = `echo precious > $TMPDIR/result; mkdir -p ${store}; touch ${store}/results; rmdir $RESULT_FOLDER`;
  const job = await place.submit(script, { env: { RESULT_FOLDER: folder } });
  const { node, exitCode } = await job.over();
  expect(exitCode).toBe('74:0');
  const left = `/local/checkpoint-${job.id}-results`;
  expect(job.said()).toEqual([
    expect.stringMatching(
      new RegExp(
        `^Results could neither be copied to ${folder} \\(.*\\) nor kept \\(.*\\)\\. They are left in ${left}$`,
      ),
    ),
  ]);
  expect(readFileSync(path.join(own(node), left, 'result'), 'utf8')).toBe('precious\n');
  await exec(node, ['rm', '-r', left]);
});

scenario('a job whose checkpoint nothing can be noted in goes on from it, and says so', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05' });
  await job.says(/^Requeueing/);
  const checkpoint = path.join(place.store(job), '1');
  await until('there is one', () => existsSync(checkpoint));
  chmodSync(checkpoint, 0o500);
  await job.says(/^Could not note how far the job's output reaches \(EACCES.* will be there twice/);
  await job.says(/restore finished/);
  chmodSync(checkpoint, 0o700);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

scenario('a job that begins again says so where what it wrote before can’t be taken out', async (place) => {
  const job = await place.submit('./count 20 5', { comment: 'checkpoint=1-0' });
  const { node } = await job.until('is under way', () => job.lines().includes('line 6'));
  writeFileSync(path.join(place.store(job), 'undone'), 'in the way');
  await exec(node, ['pkill', '-9', '-u', 'alice', '-f', `supervisor.js ${job.id} `]);
  await job.says(/^What the job's earlier run wrote could not be taken out of its output \(E\w+.* be there twice/);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 1 });
  expect(job.lines()).toEqual(counted(20));
  expect(place.lines('job-1.out').filter((line) => line === 'line 1')).toHaveLength(2);
});

scenario(
  'a job whose script is gone by the time that it is to be put back is tried elsewhere, and held',
  async (place) => {
    writeFileSync(outside(place.path('no-script')), '');
    const job = await place.submit('./count 4 5', { comment: 'checkpoint=1-0', sbatch: [UNMOVED] });
    await job.held();
    const gone = String.raw`the job's script could not be put back \(ENOENT.*\)`;
    const said = job.said().join('\n');
    expect(said.match(/\d of 3/g)).toEqual(['1 of 3', '2 of 3', '3 of 3']);
    expect(said.match(new RegExp(`^Not started on n\\d: ${gone}\\. `, 'gm'))).toHaveLength(3);
    expect(job.said().at(-1)).toMatch(
      new RegExp(`^Not started: ${gone}; nor was it on .*\\(3 tries\\)\\. .* held; release it`),
    );
    rmSync(outside(place.path('no-script')));
    await asAlice('ctl', 'scontrol', 'release', String(job.id));
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(4));
  },
);

scenario('a job that has a checkpoint, and whose script is gone, keeps it and goes on from it', async (place) => {
  const job = await place.submit('./count 40 5', { comment: 'checkpoint=0:05', sbatch: ['--exclude=n[2-4]', UNMOVED] });
  await job.says(/^Requeueing/);
  writeFileSync(outside(place.path('no-script')), '');
  await job.held();
  const gone = String.raw`the job's script could not be put back \(ENOENT.*\)`;
  expect(job.said().at(-2)).toMatch(new RegExp(`^Checkpoint not restored on n1: ${gone}\\. Is there another node`));
  expect(job.said().at(-1)).toMatch(
    /^There is no other node for the job: it is held, its checkpoint kept in \S+; once/,
  );
  rmSync(outside(place.path('no-script')));
  await asAlice('ctl', 'scontrol', 'release', String(job.id));
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(40));
});

scenario(
  'a job that asks for its results, and whose script is gone, is held where it may have no other node',
  async (place) => {
    writeFileSync(outside(place.path('no-script')), '');
    const sbatch = ['--nodelist=n1', UNMOVED];
    const job = await place.submit('./count 4 5', { env: { RESULT_FOLDER: place.makeFolder('hers') }, sbatch });
    const { restarts } = await job.held();
    await asAlice('ctl', 'scontrol', 'release', String(job.id)); // and it is still not there
    await job.untilHeldOrNot('has been tried again', (record) => record.restarts > restarts);
    await job.held();
    const why = /^Not started: the job's script could not be put back .* --nodelist=n1\. .* held; release it/;
    expect(job.said()).toEqual([expect.stringMatching(why), expect.stringMatching(why)]);
    rmSync(outside(place.path('no-script')));
    await asAlice('ctl', 'scontrol', 'release', String(job.id));
    expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(job.lines()).toEqual(counted(4));
  },
);

scenario('an Epilog that can’t read what is left to do says so in its log', async (place) => {
  const script = `echo nothing > /run/slurm-checkpointer/$SLURM_JOB_ID/user/errand.json
pkill -9 -f "supervisor.js $SLURM_JOB_ID "; sleep 100`;
  const job = await place.submit(script, { comment: 'checkpoint=1-0' });
  const { node } = await job.over();
  const log = path.join(own(node), 'log/slurm-checkpointer.log');
  await until('the Epilog has come', () =>
    new RegExp(`aftermath: What was left to do for the job could not be done .* job=${job.id}`).test(
      readFileSync(log, 'utf8'),
    ),
  );
  await exec(node, ['rm', '-r', `/local/checkpoint-${job.id}`]);
  expect(existsSync(outside(place.path('results')))).toBe(true);
  rmSync(place.store(job), { recursive: true });
});
