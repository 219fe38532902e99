// A node's network is cut while the node lives on: Slurm takes it for down, and starts its jobs elsewhere. Two never write at once.
import { expect } from 'vitest';
import { mustExec, setLink } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import { UNMOVED } from './mover.ts';
import { takesJobs } from './nodes.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';
import { beyondSnapshot, isExact, submitWriter } from './writer.ts';

const LINES = 90;

/** Slurm would find out after SlurmdTimeout. */
async function isCutOff(node: string): Promise<void> {
  await setLink(node, 'down');
  await mustExec('ctl', 'scontrol', 'update', `NodeName=${node}`, 'State=DOWN', 'Reason=cable');
}

async function isReachable(node: string): Promise<void> {
  await setLink(node, 'up');
  await mustExec('ctl', 'scontrol', 'update', `NodeName=${node}`, 'State=RESUME');
  await takesJobs(node);
}

/** @param store lost with the network; that of the other job is not */
async function submitted(place: Place, store: string): Promise<Record<'withShare' | 'without', SubmittedJob>> {
  const sbatch = ['--partition=cut', UNMOVED];
  const comment = 'checkpoint=0:08,mode=snapshot';
  return {
    withShare: await submitWriter(place, LINES, { comment, sbatch }),
    without: await place.submit(`./count ${LINES} 5`, { comment, env: { SLURM_CHECKPOINT_DIR: store }, sbatch }),
  };
}

scenario(
  'a job goes on elsewhere though its node, cut off from the controller or from the store as well, lives on',
  async (place) => {
    const store = `/net${place.folder}/store`;
    await asAlice('ctl', 'mkdir', '-p', `/srv${store}`);
    const { withShare, without } = await submitted(place, store);
    const jobs = [withShare, without];
    const [node = '', ...others] = new Set(await Promise.all(jobs.map(beyondSnapshot)));
    expect(others).toEqual([]);
    await isCutOff(node);
    const next = node === 'n14' ? 'n15' : 'n14';
    await Promise.all(jobs.map(async (job) => job.says(new RegExp(`restore finished on ${next}`))));
    await isReachable(node);
    await isExact(place, withShare, LINES);
    expect(await without.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
    expect(without.lines()).toEqual(counted(LINES));
    for (const job of jobs)
      expect(job.said().join('\n')).toMatch(new RegExp(`An earlier run of the job, on ${node}, has not said`));
    // What the cut off runs left on their node goes with later jobs there: the first one sees it, one five minutes later removes it.
    const later = async (): Promise<unknown> =>
      (await place.submit('true', { sbatch: ['--partition=cut', `--nodelist=${node}`] })).over();
    await later();
    await mustExec(node, 'sh', '-c', 'touch -cd "6 minutes ago" /run/slurm-checkpointer/*/left');
    await later();
  },
);
