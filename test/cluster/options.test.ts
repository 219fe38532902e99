import { access } from 'node:fs/promises';

import { expect } from 'vitest';

import { outside } from '../helpers/cluster.ts';
import { test } from '../helpers/test.ts';

const TIME = 'auto, or a time: minutes, m:s, h:m:s, days-hours, d-h:m or d-h:m:s';
const FOLDER = 'must be an existing folder that every node of the job can reach';

/** What is said in which way, and what the output has to name: option, value, expectation. */
const WRONG = [
  { comment: 'checkpoint=soon', says: ['comment word checkpoint', '"soon"', TIME] },
  { comment: 'checkpoint=1:2:3:4', says: ['comment word checkpoint', '"1:2:3:4"', TIME] },
  { comment: 'checkpoint=-5', says: ['comment word checkpoint', '"-5"', TIME] },
  { comment: 'checkpoint=0', says: ['comment word checkpoint', '"0"', 'more than zero'] },
  { comment: 'checkpoint=0-0:0', says: ['comment word checkpoint', '"0-0:0"', 'more than zero'] },
  {
    comment: 'checkpoint mode=fast',
    says: ['comment word mode', '"fast"', 'one of: requeue, snapshot'],
  },
  { comment: 'checkpoint,keep=0', says: ['comment word keep', '"0"', 'a whole number from 1'] },
  { comment: 'checkpoint,keep=two', says: ['comment word keep', '"two"', 'a whole number from 1'] },
  { comment: 'results=here', says: ['comment word results', '"here"', 'an absolute path'] },
  { comment: 'results=/shared/nowhere', says: ['RESULT_FOLDER', '"/shared/nowhere"', FOLDER] },
  { comment: 'results=/etc/passwd', says: ['RESULT_FOLDER', '"/etc/passwd"', FOLDER] },
  { environment: { SLURM_CHECKPOINT: 'ever' }, says: ['SLURM_CHECKPOINT', '"ever"', TIME] },
  { environment: { RESULT_FOLDER: 'out' }, says: ['RESULT_FOLDER', '"out"', 'an absolute path'] },
  {
    environment: { SLURM_CHECKPOINT: '9'.repeat(100_000) },
    says: ['SLURM_CHECKPOINT', `"${'9'.repeat(80)}…"`, TIME],
  },
  {
    environment: { SLURM_CHECKPOINT: '5', SLURM_CHECKPOINT_KEEP: 'all' },
    says: ['SLURM_CHECKPOINT_KEEP', '"all"', 'a whole number from 1'],
  },
  {
    environment: { SLURM_CHECKPOINT: '5', SLURM_CHECKPOINT_DIR: 'store' },
    says: ['SLURM_CHECKPOINT_DIR', '"store"', 'an absolute path'],
  },
  {
    line: 'export SLURM_CHECKPOINT=45min',
    says: ['SLURM_CHECKPOINT (exported in the script)', '"45min"', TIME],
  },
] as const;

for (const { says, ...wrong } of WRONG) {
  const { comment, environment, line } = {
    comment: undefined,
    environment: {},
    line: '',
    ...wrong,
  };
  const name = comment ?? (line || JSON.stringify(environment)).slice(0, 70);
  test(`a job with ${name} is not started: status 64, and the output says why`, async ({
    alice,
  }) => {
    const job = await alice.submit({
      script: `#!/bin/bash\n${line}\ntouch started\n`,
      environment,
      ...(comment === undefined ? {} : { comment }),
    });
    expect(await job.ended()).toEqual({ state: 'FAILED', exitCode: '64:0', restarts: 0 });
    const output = Buffer.from(await job.output(), 'latin1').toString();
    expect(output).toMatch(/^\[checkpointer\] The job was not started: .*\n$/);
    for (const word of says) expect(output).toContain(word);
    expect(output.length).toBeLessThan(600);
    await expect(access(outside(alice.path('started')))).rejects.toThrow('ENOENT');
  });
}

test('words of others in the comment are left alone', async ({ alice }) => {
  const job = await alice.submit({
    script: '#!/bin/bash\necho "$TMPDIR"\n',
    comment: 'project=7,checkpointing=9 keep-it recheckpoint',
  });
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await job.output()).toBe('/tmp\n');
});
