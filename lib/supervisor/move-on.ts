// The tree is saved, and has ended: the job goes on in another run, or is held.
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';
import type { Ending } from '../job.ts';
import { messages } from '../messages.ts';
import { COUNTED, readErrand, writeErrand, type Requeue } from '../run/errand.ts';
import { withProgress } from '../run/progress.ts';
import { removeLost, removeScratch } from '../run/scratch.ts';
import { kill } from '../run/tree.ts';
import { isAway, recordOf, requeue, requeueEnded, requeueHeld } from '../slurm/scontrol.ts';
import type { Begun } from './begin.ts';
import { putBackExclusions, sendElsewhere, settled, type Counted } from './elsewhere.ts';
import { keptBy, type Objection } from './objections.ts';
import { sigtermMeans } from './sigterm.ts';
import type { Story } from './story.ts';

export type Moved = { readonly kind: 'requeued' } | { readonly kind: 'stays'; readonly reason: string };

/** Slurm ends a job that it requeues within this time, KillWait and a slow controller included. */
const REQUEUE_SECONDS = 120;

export async function moveOn(story: Story): Promise<Moved> {
  const { job, signals, say } = story;
  const meaning = signals.terminated() ? await sigtermMeans(story).catch(() => 'over' as const) : 'goes-on';
  if (meaning === 'runs-again') {
    await keepForNextRun(story); // requeued by somebody else; the Epilog can't tell, where Slurm lost sight of this node
    return { kind: 'requeued' };
  }
  say(messages.requeueing(job.id));
  if (meaning === 'timed-out') return moveOnFromLimit(story);
  const asked = await requeue(job).catch(failure);
  if (asked.kind === 'failed' && !signals.terminated()) return { kind: 'stays', reason: asked.reason };
  const ended = await Promise.race([signals.termination(), sleep(REQUEUE_SECONDS * 1000, undefined)]);
  return ended ? { kind: 'requeued' } : { kind: 'stays', reason: 'it did not end this run' };
}

/** Slurm ends this run in any case, maybe before it has answered: should that come to nothing, or be lost, the Epilog asks again. */
export async function moveOnFromLimit(story: Story): Promise<Moved> {
  await keepForNextRun(story, { as: 'eligible', of: 'ended' });
  await requeueEnded(story.job).catch(() => {});
  return { kind: 'requeued' };
}

/** From here on nobody, the Epilog neither, takes this run for the job's end: its checkpoints stay, with TMPDIR in them. */
export async function keepForNextRun(story: Story, asked?: Requeue): Promise<void> {
  await settleFor(asked ?? (await readErrand(story.folder))?.requeue, story);
  await removeScratch(story).catch((error: unknown) => story.say(messages.notRemoved(story.scratch, reasonOf(error))));
}

const settleFor = async (asked: Requeue | undefined, { folder, errand }: Story): Promise<void> =>
  writeErrand(folder, { ...errand, settled: true, ...(asked && { requeue: asked }) });

/** To another node, if this one is the reason and there is one to try; else it waits for somebody to mend the cause. */
export async function giveUp(objection: Objection, story: Story, counted: Counted): Promise<Ending> {
  await keepForNextRun(story);
  await withProgress({ say: story.say, name: 'Waiting for Slurm to answer' }, async () => untilSlurmAnswers(story));
  if (objection.because === 'job' || story.signals.terminated()) return hold(objection, story, counted);
  const sent = await sendElsewhere(objection, story, counted);
  if (sent.kind === 'stays') return hold({ ...objection, reason: sent.reason }, story, counted);
  await Promise.race([story.signals.termination(), sleep(REQUEUE_SECONDS * 1000)]);
  return { exitCode: 1 };
}

const PATIENCE_MS = 15 * 60 * 1000;
const AGAIN_MS = 5000;

/** It doesn't where its controller, or the slurmd of this node, is away: nothing of the job runs meanwhile. */
async function untilSlurmAnswers({ job, signals }: Story): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until && !signals.terminated(); await sleep(AGAIN_MS)) {
    const reason = await recordOf(job).then(() => '', reasonOf);
    if (!isAway(reason)) return;
  }
}

async function hold(objection: Objection, story: Story, counted: Counted): Promise<Ending> {
  const { job, store, signals, say } = story;
  const kept = keptBy(objection, store);
  say(messages.notRestored(objection.reason, kept));
  if (counted === 'in-store') await settled(story); // who releases it has mended something
  const asked = await requeueHeld(job).catch(failure);
  if (asked.kind === 'done') await settleFor({ ...COUNTED, as: 'held' }, story);
  if (counted === 'in-store' && asked.kind === 'done') await putBackExclusions(story);
  if (asked.kind === 'failed' && !signals.terminated()) say(messages.notHeld(asked.reason, kept, job.id));
  else await Promise.race([signals.termination(), sleep(REQUEUE_SECONDS * 1000)]);
  return { exitCode: 1 };
}

/** A newer run has the job: what is left of this one ends, and touches nothing. */
export async function giveWay(story: Story, begun?: Begun): Promise<Ending> {
  if (begun?.kind === 'running') await kill(begun.tree);
  story.say(messages.superseded());
  await writeErrand(story.folder, { ...story.errand, settled: true });
  await removeLost(story).catch(() => {}); // it goes with the user's next job here
  return { exitCode: 1 };
}

const failure = (error: unknown) => ({ kind: 'failed', reason: reasonOf(error) }) as const;
