// A node's network is cut while the node lives on: Slurm takes it for down, and starts its jobs elsewhere. Two never write at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { mustExec, setLink } from '../cluster/node.ts';
import { counted, type SubmittedJob } from '../scenarios/job.ts';
import { UNMOVED } from '../scenarios/mover.ts';
import { takesJobs } from '../scenarios/nodes.ts';
import type { Place } from '../scenarios/place.ts';
import { onANode, type Pair } from './scenario.ts';
import { asAlice } from '../scenarios/slurm.ts';
import { beyondSnapshot, isExact, submitWriter } from '../scenarios/writer.ts';

/** More than the older run writes by the time that it sees the newer one. */
const LINES = 180;

/** Slurm would find out after SlurmdTimeout. */
async function isCutOff(node: string): Promise<void> {
  await setLink(node, 'down');
  await sleep(3000); // what it said before is read by then, and does not take it back into service
  await mustExec('ctl', 'scontrol', 'update', `NodeName=${node}`, 'State=DOWN', 'Reason=cable');
}

async function isReachable(node: string): Promise<void> {
  await setLink(node, 'up');
  await mustExec('ctl', 'scontrol', 'update', `NodeName=${node}`, 'State=RESUME');
  await takesJobs(node);
}

/** @param store lost with the network; that of the other job is not */
async function submitted(
  place: Place,
  store: string,
  { partition }: Pair,
): Promise<Record<'withShare' | 'without', SubmittedJob>> {
  const sbatch = [`--partition=${partition}`, UNMOVED];
  const comment = 'checkpoint=0:08,mode=snapshot';
  return {
    withShare: await submitWriter(place, LINES, { comment, sbatch }),
    without: await place.submit(`./count ${LINES} 5`, { comment, env: { SLURM_CHECKPOINT_DIR: store }, sbatch }),
  };
}

onANode(
  'a job goes on elsewhere though its node, cut off from the controller or from the store as well, lives on',
  async (place, pair) => {
    const store = `/net${place.folder}/store`;
    await asAlice('ctl', 'mkdir', '-p', `/srv${store}`);
    const { withShare, without } = await submitted(place, store, pair);
    const jobs = [withShare, without];
    const [node = '', ...others] = new Set(await Promise.all(jobs.map(beyondSnapshot)));
    expect(others).toEqual([]);
    await isCutOff(node);
    const next = node === pair.one ? pair.other : pair.one;
    await Promise.all(jobs.map(async (job) => job.says(new RegExp(`restore finished on ${next}`))));
    await isReachable(node);
    await isExact(place, withShare, LINES);
    expect(await without.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(without.lines()).toEqual(counted(LINES));
    for (const job of jobs)
      expect(job.said().join('\n')).toMatch(new RegExp(`An earlier run of the job, on ${node}, has not said`));
    // What the cut off runs left on their node goes with later jobs there: the first one sees it, one five minutes later removes it.
    const later = async (): Promise<unknown> =>
      (await place.submit('true', { sbatch: [`--partition=${pair.partition}`, `--nodelist=${node}`] })).over();
    await later();
    await mustExec(node, 'sh', '-c', 'touch -cd "6 minutes ago" /run/slurm-checkpointer/*/left');
    await later();
    expect(await mustExec(node, 'find', '/run/slurm-checkpointer', '/local', '-mindepth', '1')).toBe('');
  },
);
