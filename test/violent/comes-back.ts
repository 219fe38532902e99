// A node that was without power for a while, and has its jobs again.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { mustExec } from '../cluster/node.ts';
import { UNMOVED } from '../scenarios/mover.ts';
import type { Place } from '../scenarios/place.ts';
import { cutPower } from './blows.ts';
import { onANode, type Pair } from './scenario.ts';
import { Witness } from './witness.ts';

/** slurmctld asks a node that is down once to end a run, and for no longer than its MessageTimeout. */
const GIVEN_UP_MS = 30_000;
/** What a node answered as its power went counts as its return ("node_did_resp"). */
const ON_THE_WAY_MS = 1000;

/** As any job ends there: slurmd then writes down which jobs it has. */
async function isNotedBySlurmd(place: Place, { partition, other }: Pair): Promise<void> {
  const job = await place.submit('true', { partition, sbatch: [`--exclude=${other}`] });
  await job.over();
}

onANode(
  'a job whose only node was without power goes on there, where Slurm runs no Prolog for it',
  async (place, pair) => {
    const { partition, one, other } = pair;
    const stays = { partition, comment: 'checkpoint=0:05,mode=snapshot', sbatch: [`--exclude=${other}`, UNMOVED] };
    const witness = await Witness.start(place, 'witness', stays);
    await witness.job.says(/^Checkpoint 1 done/);
    await isNotedBySlurmd(place, pair);
    {
      await using _power = await cutPower(one);
      witness.loses(one);
      await witness.job.until('waits for its node', ({ state, restarts }) => state === 'PENDING' && restarts === 1);
      await sleep(ON_THE_WAY_MS);
      await mustExec('ctl', 'scontrol', 'update', `NodeName=${one}`, 'State=DOWN', 'Reason=power');
      await sleep(GIVEN_UP_MS);
    }
    expect((await witness.comesOutRight()).holds).toEqual([]);
    expect(witness.job.said()).toContainEqual(
      expect.stringMatching(/^Not started: the Prolog has left no .* requeued/),
    );
  },
);
