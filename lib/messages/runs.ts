// Of the runs of a job: who has it, and what becomes of it.
import { attempt, failure, keptIn, localTime } from './sentence.ts';

type Tried = { job: number; kept: string | undefined; count?: number; most?: number };

export const runs = {
  elsewhere: failure(
    (node: string, reason: string, { job, kept, ...tries }: Tried) =>
      `${attempt(kept)} on ${node}: ${reason}. ${tries.count === undefined ? 'Is there another node for the job? Slurm says so once it is requeued' : `Another node is tried (${tries.count} of ${tries.most})`}; Requeueing ... ${job}`,
  ),
  anotherNode: ({ count, most }: { count: number; most: number }) => `Another node is tried (${count} of ${most})`,
  noneLeft: failure(
    (kept: string | undefined) =>
      `There is no other node for the job: it is held${keptIn(kept)}; once the cause is mended, release it with scontrol release.`,
  ),
  notHeldPending: failure(
    (reason: string) =>
      `There is no other node for the job, and Slurm did not hold it (${reason}): it may come here again.`,
  ),
  triedBefore: (reason: string, nodes: readonly string[]) =>
    nodes.length === 0
      ? reason
      : `${reason}; nor was it on ${nodes.join(', ')} (${nodes.length} ${nodes.length === 1 ? 'try' : 'tries'})`,
  excludedByNow: (reason: string, nodes: readonly string[]) =>
    nodes.length === 0 ? reason : `${reason}; excluded by now: ${nodes.join(', ')}`,
  noOtherNode: (reason: string, required: string) =>
    `${reason}; and there is no other node for the job${required === '' ? '' : `, which asks for --nodelist=${required}`}`,
  staysExcluded: (job: string) =>
    `What this job's owner had excluded can't be looked up here: the node stays excluded. Once the job is pending, scontrol update JobId=${job} ExcNodeList= lets it have all nodes again.`,
  notExcluded: failure(
    (node: string, reason: string, isHeld: boolean) =>
      `Slurm did not exclude ${node} (${reason}): ${isHeld ? 'the job is held; release it with scontrol release' : 'the job may come here again'}.`,
  ),

  orphan: (job: number, directory: string, seconds: number) =>
    `Checkpoints of job ${job}, which Slurm no longer knows and which was last seen ${Math.round(seconds / 86_400)} days ago, are removed from ${directory}.`,
  cancelledDelivered: (job: number, folder: string) =>
    `Job ${job} was cancelled while it waited: the results that it had at its last checkpoint are copied to ${folder}`,
  notUndone: failure(
    (reason: string) =>
      `What the job's earlier run wrote could not be taken out of its output (${reason}): it will be there twice.`,
  ),
  takenBack: (number: number | undefined) =>
    number === undefined
      ? "The job's supervisor was killed before its first checkpoint. The job is requeued, and starts from the beginning."
      : `The job's supervisor was killed. The job is requeued, and goes on from checkpoint ${number}.`,
  heldInVain: failure(
    (count: number, directory: string | undefined) =>
      `The job's supervisor was killed, and ${count} runs ${directory === undefined ? 'have not come to a first checkpoint' : 'have gone by since the last checkpoint'}. The job is requeued and held${keptIn(directory)}; once the cause is mended, release it with scontrol release.`,
  ),
  heldUnread: failure(
    (reason: string) =>
      `The job's supervisor was killed as this run began, and what the job has to go on from could not be read (${reason}). The job is requeued and held, its checkpoints kept; once the cause is mended, release it with scontrol release.`,
  ),
  notBegunAgain: failure(
    (reason: string, job: number) =>
      `The job's supervisor was killed as the job's first run began, and the job is not requeued: ${reason}. Nothing of it has run; once that is settled: scontrol requeue ${job}`,
  ),
  requeueLost: failure(
    (job: number) =>
      `Slurm's controller did not know, or no longer, that job ${job} is to run again: it was asked for that once more.`,
  ),
  requeueUnseen: failure(
    (job: number) =>
      `Slurm's controller does not answer, and whether it is to run the job again could not be seen; should it not: scontrol requeue ${job}.`,
  ),
  endUnknown: failure(
    (directory: string | undefined, job: number) =>
      `The job's supervisor was killed, and Slurm does not say whether the job was cancelled. ${directory === undefined ? `It has no checkpoint; scontrol requeue ${job} lets it begin again.` : `Its checkpoint is kept in ${directory}; scontrol requeue ${job} lets it go on from there.`}`,
  ),

  forgotten: failure(
    (job: number, newest: number | undefined) =>
      `Slurm's controller came back with an older state, had forgotten this run of the job, and has ended it. It is to start the job once more, which ${newest === undefined ? 'begins again' : `goes on from checkpoint ${newest}`}; should Slurm end it by itself (FAILED, 1:0): scontrol requeue ${job}.`,
  ),
  notClaimed: failure(
    (reason: string) =>
      `The job could not be entered among those that are saved (${reason}). It runs without checkpoints, and is tried again every half minute.`,
  ),
  waitsForStore: failure(
    (folder: string) =>
      `Where the job's checkpoints are kept (${folder}) nobody has answered for a minute: it waits until somebody does.`,
  ),
  notRenewed: (folder: string) => `nobody could tell in time whether a newer run has the job (${folder})`,
  claimedLater: () => 'The job is entered among those that are saved: there are checkpoints from here on.',
  neverClaimed: failure(
    (reason: string) =>
      `The job cannot be entered among those that are saved (${reason}). This run of it goes without checkpoints.`,
  ),
  noProlog: failure(
    (folder: string, node: string) =>
      `Not started: the Prolog has left no ${folder} on ${node}, and Slurm runs none there for a job that the node had when it lost its power. The job is requeued, and goes on in its next run.`,
  ),
  noPrologAgain: failure(
    (folder: string, node: string, job: number) =>
      `Not started: the Prolog has left no ${folder} on ${node}, as in the run before. The job is requeued and held, its checkpoints kept; tell your administrator, then: scontrol release ${job}`,
  ),
  noPrologNotLooked: failure(
    (reason: string, job: number) =>
      `Not started: this run had no Prolog, and could not look for checkpoints (${reason}). The job is requeued and held, its checkpoints kept; once the cause is mended: scontrol release ${job}`,
  ),
  waiting: (nodes: readonly string[], seconds: number) =>
    `An earlier run of the job, on ${nodes.join(', ')}, has not said that it is over: waiting up to ${Math.round(seconds)} s until it can no longer write.`,
  superseded: () => 'A newer run of the job has begun: this older one ends, and touches nothing.',
  mayStillRun: ({ node = 'a node', older }: { node?: string | undefined; older: number }, directory: string) =>
    `run ${older} of the job, on ${node}, has not said that it is over, and two must not write at once. Once ${node} is off, or no process of the job is left there: mv ${directory}/run.${older} ${directory}/run.${older}.released`,
  begunAlready: (directory: string, run: number) =>
    `Slurm has started run ${run} of the job twice, as after its controller lost some of its state (${directory})`,
  numberTaken: (directory: string) =>
    `Slurm calls this the job's first run, but ${directory} has files of a job with this number. If they are this job's, as after a controller that lost some of its state, it goes on from them; if they are another's, remove them first`,
  endNotNoted: failure(
    (directory: string, reason: string) =>
      `It could not be noted that the job is over (${reason}). Its checkpoints stay in ${directory}; please remove them.`,
  ),
  alreadyEnded: (node: string, at: string) =>
    `The job came to its end on ${node}, ${localTime(at)}, and does not run again. To run it once more, submit it once more.`,
  passedOver: failure(
    (number: number, damage: string) =>
      `Checkpoint ${number} is damaged (${damage}): it is set aside as ${number}.bad.`,
  ),
  allDamaged: (damaged: readonly { readonly number: number; readonly damage: string }[], bad: readonly number[]) => {
    const all = [
      ...damaged.map(({ number, damage }) => `${number}: ${damage}`),
      ...bad.map((number) => `${number}.bad`),
    ];
    return `none of its checkpoints is whole (${all.join('; ')})`;
  },
} as const;
