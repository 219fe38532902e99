// A job that is over, of which the controller that comes back knows only that it runs.
import { expect } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustExec } from '../cluster/node.ts';
import type { Place } from '../scenarios/place.ts';
import { cutPower } from './blows.ts';
import { alone } from './scenario.ts';
import { isSetBack, keepState, requeuingOver, SAVED_MS } from './set-back.ts';
import { Witness } from './witness.ts';

async function hasEndedUnnoted(place: Place): Promise<Witness> {
  const snapshots = { partition: 'rough', comment: 'checkpoint=0:05,mode=snapshot', sbatch: ['--exclude=n4'] } as const;
  const witness = await Witness.start(place, 'witness', { ...snapshots, work: { steps: 80 } });
  await witness.job.says(/^Checkpoint 1 done/);
  await mustExec('ctl', 'scontrol', 'update', `JobId=${witness.job.id}`, 'Nice=1'); // that it runs is not written down for itself
  await sleep(SAVED_MS);
  await keepState();
  await witness.job.over();
  await isSetBack();
  await witness.job.untilHeldOrNot('is shown as running', ({ state }) => state === 'RUNNING');
  return witness;
}

async function endsOnceMore(witness: Witness): Promise<void> {
  expect((await witness.comesOutRight({ seconds: 240 })).holds).toEqual([]);
  expect(witness.job.said().at(-1)).toMatch(/^The job came to its end on n3, .* and does not run again/);
}

alone('a job that is over, and shown as running, ends as it had ended once its owner requeues it', async (place) => {
  const witness = await hasEndedUnnoted(place);
  using _owner = requeuingOver(() => [witness]);
  await endsOnceMore(witness);
});

alone('a job that is over, and shown as running, ends as it had ended once its node is lost', async (place) => {
  const witness = await hasEndedUnnoted(place);
  await using _power = await cutPower('n3');
  witness.loses('n3');
  await endsOnceMore(witness);
});
