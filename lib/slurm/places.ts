// On which nodes a job may run, by what its owner asked for; and which it is not to get.
import type { Job } from '../job.ts';
import { mustRun, run, type Ending } from '../system/exec.ts';
import { fieldsOf, parseRecord } from './record.ts';
import { call } from './scontrol.ts';

export type Places = {
  /** As scontrol takes it for this very job. */
  readonly name: string;
  readonly restarts: number;
  readonly mayRequeue: boolean;
  /** As they were asked for, or set by `scontrol update`; empty: none. */
  readonly excluded: string;
  readonly required: string;
  readonly constraint: string;
  /** All of them, by comma. */
  readonly partition: string;
};

/** Throws when the controller does not answer, or no longer knows the job. */
export async function placesOf(job: Job): Promise<Places> {
  const text = await mustRun(['scontrol', '--oneliner', 'show', 'job', String(job.id)], call(job));
  const places = parsePlaces(text, job.id);
  if (!places) throw new Error(`Slurm does not know job ${job.id}`);
  return places;
}

export function parsePlaces(records: string, id: number): Places | undefined {
  const [field, record] = [fieldsOf(records, id), parseRecord(records, id)];
  if (!field || !record) return undefined;
  const text = (name: string): string => field(name).replace(/^\(null\)$/, '');
  return {
    name: record.name,
    restarts: record.restarts,
    mayRequeue: field('Requeue') === '1',
    excluded: text('ExcNodeList'),
    required: text('ReqNodeList'),
    constraint: text('Features'),
    partition: text('Partition'),
  };
}

/** Of a list of Slurm's, as n[1-3],n7. Throws when scontrol can't be run. */
export async function namesIn(list: string, job: Job): Promise<string[]> {
  if (list === '') return [];
  return (await mustRun(['scontrol', 'show', 'hostnames', list], call(job))).split('\n').filter(Boolean);
}

/** Whether a node is left that is up, and has the features that the job asks for. Where nobody can tell, there is one. */
export async function hasNodeBesides(job: Job, excluded: string, { partition, constraint }: Places): Promise<boolean> {
  const command = ['sinfo', '--noheader', '--Node', `--partition=${partition}`, '--format=%N %T %f'];
  const [nodes, not] = await Promise.all([run(command, call(job)), namesIn(excluded, job)]);
  if (nodes.kind === 'failed' || nodes.stdout === '') return true;
  return nodesUp(nodes.stdout, constraint).some((node) => !not.includes(node));
}

/** What takes no job until somebody has seen to it (sinfo(1), NODE STATE CODES); * is a node that doesn't answer. */
const AWAY = /^(?:down|drain|fail|inval|future|unknown|perfctrs)|\*$/;

/** @param text a line for each node and partition: its name, state and features */
export function nodesUp(text: string, constraint: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', state = '', features = ''] = line.trim().split(/ +/);
    return name !== '' && !AWAY.test(state) && suits(features.split(','), constraint) ? [name] : [];
  });
}

/** All of several joined by &, or one of several joined by | (sbatch(1)). What is more involved is left to Slurm. */
function suits(features: readonly string[], constraint: string): boolean {
  if (constraint === '' || /[()[\]*,!{}]|&.*\||\|.*&/.test(constraint)) return true;
  const has = (feature: string): boolean => features.includes(feature);
  return constraint.includes('|') ? constraint.split('|').some(has) : constraint.split('&').every(has);
}

/** Of a pending job, and no other: "not pending" otherwise. An empty list: all nodes are the job's again. */
export const exclude = async (job: Job, name: string, nodes: string): Promise<Ending> =>
  run(['scontrol', 'update', `JobId=${name}`, `ExcNodeList=${nodes}`], call(job));

/** Of a pending job. */
export const holdPending = async (job: Job, name: string): Promise<Ending> =>
  run(['scontrol', 'hold', name], call(job));
