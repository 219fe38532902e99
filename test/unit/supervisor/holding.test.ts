import { expect, test } from 'vitest';

import type { Answer, JobNow } from '../../../lib/slurm/control.ts';
import { holdPatiently } from '../../../lib/supervisor/holding.ts';
import { jobNow } from '../job-now.ts';

const REFUSED: Answer = { ok: false, reason: 'Job is no longer pending execution' };

/** A controller that gives these answers, one after the other, and notes what it was asked to do. */
function controller(answers: { job?: (JobNow | undefined)[]; hold?: Answer[] }) {
  const asked: string[] = [];
  return {
    asked,
    job: async () => answers.job?.shift(),
    requeueHold: async () => {
      asked.push('hold');
      return answers.hold?.shift() ?? { ok: true as const };
    },
    requeueHoldEnded: async () => {
      asked.push('hold though it ends');
      return answers.hold?.shift() ?? { ok: true as const };
    },
    allowRequeue: async () => {
      asked.push('allow');
      return { ok: true as const };
    },
  };
}

const RUN = { name: '7', restarts: 1 };
const again = async () => 'again' as const;

test('a job is held', async () => {
  const slurm = controller({ job: [jobNow()] });
  expect(await holdPatiently(slurm, RUN, again)).toEqual({ kind: 'held' });
  expect(slurm.asked).toEqual(['hold']);
});

test('one that Slurm is ending already is held all the same', async () => {
  const slurm = controller({ job: [jobNow({ states: ['TIMEOUT', 'COMPLETING'] })] });
  expect(await holdPatiently(slurm, RUN, again)).toEqual({ kind: 'held' });
  expect(slurm.asked).toEqual(['hold though it ends']);
});

test('one that its owner has cancelled is left alone', async () => {
  const slurm = controller({ job: [jobNow({ states: ['CANCELLED', 'COMPLETING'] })] });
  expect(await holdPatiently(slurm, RUN, again)).toEqual({ kind: 'cancelled' });
  expect(slurm.asked).toEqual([]);
});

test('one that may not be requeued is allowed to be, for it is held in no other way', async () => {
  const slurm = controller({ job: [jobNow({ mayRequeue: false })], hold: [REFUSED] });
  expect(await holdPatiently(slurm, RUN, again)).toEqual({ kind: 'held' });
  expect(slurm.asked).toEqual(['hold', 'allow', 'hold']);
});

test('a controller that cannot be reached is asked until it can', async () => {
  const slurm = controller({ job: [undefined, undefined, jobNow()], hold: [REFUSED, REFUSED] });
  expect(await holdPatiently(slurm, RUN, again)).toEqual({ kind: 'held' });
  expect(slurm.asked).toEqual(['hold though it ends', 'hold though it ends', 'hold']);
});

test('a newer run of the job, which began while the controller could not be reached, is left alone', async () => {
  const slurm = controller({ job: [undefined, jobNow({ restarts: 2 })], hold: [REFUSED] });
  expect(await holdPatiently(slurm, RUN, again)).toEqual({ kind: 'ended' });
  expect(slurm.asked).toEqual(['hold though it ends']);
});

test('nobody holds a job that somebody ends meanwhile', async () => {
  const slurm = controller({ job: [jobNow(), jobNow()], hold: [REFUSED] });
  expect(await holdPatiently(slurm, RUN, async () => 'ended')).toEqual({ kind: 'ended' });
  expect(slurm.asked).toEqual(['hold']);
});
