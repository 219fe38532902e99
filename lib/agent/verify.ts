import type { Identity } from '../system/identity.ts';
import {
  childrenOf,
  familyOf,
  linkOf,
  namesIn,
  numbersOf,
  statusOf,
  type ProcessStat,
} from '../system/proc.ts';

const CAPABILITY_SETS = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'] as const;

/**
 * The processes of ours in a restored tree's namespace. criu is what process 1 started, the action script what criu started: both
 * were executed, which no restored task has been yet, whatever name, environment or parent its image claims.
 */
export function ownProcesses(init: number): {
  criu: number | undefined;
  script: number | undefined;
} {
  const executedChild = (parent: number | undefined): number | undefined =>
    parent === undefined
      ? undefined
      : childrenOf(parent).find((child) => !child.neverExecuted)?.pid;
  const criu = executedChild(init);
  return { criu, script: executedChild(criu) };
}

/**
 * What a restored tree has beyond the user's own rights, in a few words; undefined when there is nothing. Every thread of every
 * process below process 1 is looked at, but criu, and the action script with what it started, which are ours.
 * @param model /proc status of a process as Slurm started it for the job
 */
export function foreignRights(
  init: number,
  identity: Identity,
  groups: readonly number[],
  model: ReadonlyMap<string, string>,
): string | undefined {
  const namespace = linkOf(`${init}/ns/pid`);
  const { criu, script } = ownProcesses(init);
  const processes = familyOf(init).filter(
    ({ pid, parent }) => ![init, criu, script].includes(pid) && (!script || parent !== script),
  );
  const elsewhere = processes.find(({ pid }) => linkOf(`${pid}/ns/pid`) !== namespace);
  if (elsewhere) return `process ${elsewhere.pid} (${elsewhere.name}): namespaces`;
  return excessIn(
    processes,
    (status) => foreignRightsOf(status, identity, groups) ?? beyondModel(status, model),
  );
}

/**
 * What a tree that is to be dumped has beyond the user's own rights, as a set-uid program, and whose memory is not his to read, whatever
 * capabilities the site has granted criu; undefined when there is nothing.
 */
export function foreignRightsInTree(root: number, identity: Identity): string | undefined {
  return excessIn(familyOf(root), (status) => foreignRightsOf(status, identity, identity.groups));
}

function excessIn(
  processes: readonly ProcessStat[],
  excessOf: (status: ReadonlyMap<string, string>) => string | undefined,
): string | undefined {
  for (const { pid, name } of processes) {
    for (const task of namesIn(`${pid}/task`)) {
      const status = statusOf(`${pid}/task/${task}`);
      // A zombie never runs again, and has no memory; a restored one ended as criu's child, with criu's capabilities.
      if (status?.get('State')?.startsWith('Z')) continue;
      const excess = status && excessOf(status);
      if (excess !== undefined) return `process ${pid} (${name}): ${excess}`;
    }
  }
  return undefined;
}

/** Bounds that Slurm or a plugin of the site set for the job, and that only the image would bring back. */
export function beyondModel(
  status: ReadonlyMap<string, string>,
  model: ReadonlyMap<string, string>,
): string | undefined {
  const bounding = (of: ReadonlyMap<string, string>): bigint =>
    BigInt(`0x${of.get('CapBnd') ?? '0'}`);
  const number = (of: ReadonlyMap<string, string>, name: string): number =>
    Number(of.get(name) ?? 0);
  if ((bounding(status) & ~bounding(model)) !== 0n) {
    return `capabilities (CapBnd ${status.get('CapBnd')})`;
  }
  return ['NoNewPrivs', 'Seccomp'].find((name) => number(status, name) < number(model, name));
}

/** Of one task, by its /proc status. */
export function foreignRightsOf(
  status: ReadonlyMap<string, string>,
  identity: Identity,
  groups: readonly number[],
): string | undefined {
  if (numbersOf(status.get('Uid')).some((uid) => uid !== identity.uid))
    return `uid ${status.get('Uid')}`;
  const allowed = [identity.gid, ...groups];
  const held = [...numbersOf(status.get('Gid')), ...numbersOf(status.get('Groups'))];
  const foreign = held.find((group) => !allowed.includes(group));
  if (foreign !== undefined) return `group ${foreign}`;
  const raised = CAPABILITY_SETS.find((set) => BigInt(`0x${status.get(set) ?? '0'}`) !== 0n);
  return raised === undefined ? undefined : `capabilities (${raised} ${status.get(raised)})`;
}
