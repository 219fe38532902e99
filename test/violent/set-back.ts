// A controller that has lost some of its state, and what its administrator and the owners of jobs do about that.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { exec, mustExec, signalDaemon, startDaemon } from '../cluster/node.ts';
import { isOver } from '../scenarios/slurm.ts';
import { untilControllerAnswers } from './blows.ts';
import { processesOf } from './processes-seen.ts';
import type { Outcome, Witness } from './witness.ts';

/** What it has in mind it writes down every 5 seconds. A job that it forgets was never submitted. */
export const SAVED_MS = 7000;
/** StateSaveLocation */
const STATE = '/var/spool/slurmctld';
const OLDER = '/tmp/older-state';

export async function keepState(): Promise<void> {
  await mustExec('ctl', 'sh', '-c', 'rm -rf "$2" && cp -a "$1" "$2"', 'sh', STATE, OLDER);
}

/** As its machine would come back from an older copy of its disk: to what was kept. */
export async function isSetBack(): Promise<void> {
  await signalDaemon('ctl', 'KILL');
  await mustExec('ctl', 'sh', '-c', 'rm -rf "$1"/* && cp -a "$2"/. "$1"', 'sh', STATE, OLDER);
  await startDaemon('ctl');
  await untilControllerAnswers();
}

const RESUME_EVERY_MS = 10_000;

/** As an administrator would: slurmctld drains a node that it asked twice to start a job, having been away for the answer. */
export function resumingDrained(): Disposable {
  const resuming = setInterval(() => void resumeDrained(), RESUME_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(resuming) };
}

async function resumeDrained(): Promise<void> {
  const { stdout } = await exec('ctl', ['sinfo', '-h', '-N', '-o', '%N %T %E']).catch(() => ({ stdout: '' }));
  for (const [, node = '', why] of stdout.matchAll(/^(\S+) drain\S* (.*)$/gm)) {
    console.log(`${node} is drained (${why}): resumed`);
    await exec('ctl', ['scontrol', 'update', `NodeName=${node}`, 'State=RESUME']);
  }
}

const OVER_MS = 60_000;

/** As their owner would: a job that is over, that has nothing left on any node, and that Slurm shows as running: it had not written down its end. */
export function requeuingOver(witnesses: () => Iterable<Witness>): Disposable {
  const looking = setInterval(() => {
    for (const witness of witnesses()) if (isOverAndRuns(witness)) void requeueOver(witness);
  }, OVER_MS / 2);
  return { [Symbol.dispose]: () => clearInterval(looking) };
}

function isOverAndRuns({ job, store }: Witness): boolean {
  const ended = path.join(store, 'ended');
  if (job.record()?.state !== 'RUNNING' || !existsSync(ended) || processesOf(job.id).length > 0) return false;
  return Date.now() - statSync(ended).mtimeMs > OVER_MS;
}

async function requeueOver({ job }: Witness): Promise<void> {
  console.log(`job ${job.id} is over, and the controller, which had lost that, shows it as running: scontrol requeue`);
  await exec('ctl', ['scontrol', 'requeue', String(job.id)]);
}

const ASKS = /should Slurm end it by itself \(FAILED, 1:0\): scontrol requeue \d+/;

/** As slurmctld ends one that it could not start. None of its runs has noted an end, and what it can go on from is there, or its output says what to do. */
export function isEndedBySlurmAlone(witness: Witness): boolean {
  const { job, store } = witness;
  const record = job.record();
  if (record?.state !== 'FAILED' || record.exitCode !== '1:0' || existsSync(path.join(store, 'ended'))) return false;
  return witness.checkpoints().length > 0 || ASKS.test(job.said().at(-1) ?? '');
}

/**
 * A controller that has forgotten a run starts the job once more, is refused by the node where that run still is, and ends the
 * job as failed ("Killing non-startable batch", seen with 24.11). Nobody of ours is asked: its owner has it go on.
 */
export async function goesOnAfterAll(
  witness: Witness,
  follow: Parameters<Witness['comesOutRight']>[0],
): Promise<Outcome> {
  console.log(`job ${witness.job.id} was ended by a controller that had lost its state: scontrol requeue`);
  await mustExec('ctl', 'scontrol', 'requeue', String(witness.job.id));
  await witness.job.untilHeldOrNot('runs again', (record) => !isOver(record));
  const { record, holds } = await witness.comesOutRight(follow);
  return { record, holds: ['ended by Slurm alone', ...holds] };
}
