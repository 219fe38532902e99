// What a disk, a network or a person did to the newest checkpoint: the one before is gone on from, or the job waits.
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { DAMAGES, doDamage, NEWER } from './damage.ts';
import { scenario } from './scenario.ts';
import { Witness } from './witness.ts';

/** One that waits in the queue with so many checkpoints, until it is released. */
async function waitsWith(checkpoints: number, witness: Promise<Witness>): Promise<Witness> {
  const { job } = await witness;
  await job.until('is to run again', (now) => now.state === 'PENDING' && now.restarts === checkpoints);
  await mustExec('ctl', 'scontrol', 'hold', String(job.id));
  await job.held();
  expect((await witness).checkpoints()).toHaveLength(checkpoints);
  return witness;
}

const released = async ({ job }: Witness): Promise<unknown> => mustExec('ctl', 'scontrol', 'release', String(job.id));

const WORK = { steps: 120, appends: false };

for (const damage of DAMAGES) {
  scenario(`a job whose newest checkpoint's ${damage.what} goes on from the one before, and says so`, async (place) => {
    const witness = await waitsWith(
      2,
      Witness.start(place, 'witness', { comment: 'checkpoint=0:04,keep=2', work: WORK }),
    );
    doDamage(damage, witness);
    await released(witness);
    expect((await witness.comesOutRight()).holds).toEqual([]);
    const said = witness.job.said().join('\n');
    expect(said).toMatch(/[Cc]heckpoint 2\b.*(damaged|changed|missing|bytes instead)/);
    expect(said).toMatch(/restore finished on \w+, checkpoint 1 /);
  });
}

for (const damage of DAMAGES) {
  scenario(`a job whose only checkpoint's ${damage.what} is held, and goes on once that is mended`, async (place) => {
    const witness = await waitsWith(
      1,
      Witness.start(place, 'witness', { comment: 'checkpoint=0:04,keep=1', work: WORK }),
    );
    const mend = doDamage(damage, witness);
    await released(witness);
    const { holds } = await witness.comesOutRight({ mend });
    expect(holds).toEqual([expect.stringMatching(/not restored: .* held/)]);
  });
}

scenario('a job whose newest checkpoint is of a newer version is held, and goes on from that one', async (place) => {
  const witness = await waitsWith(
    2,
    Witness.start(place, 'witness', { comment: 'checkpoint=0:04,keep=2', work: WORK }),
  );
  const mend = doDamage(NEWER, witness);
  await released(witness);
  const { holds } = await witness.comesOutRight({ mend });
  expect(holds).toEqual([expect.stringMatching(/not restored: it was written by another version \(99\).* held/)]);
  expect(witness.job.said().join('\n')).toMatch(/restore finished on \w+, checkpoint 2 /);
});
