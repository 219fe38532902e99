import { readFileSync, rmSync, writeFileSync } from 'node:fs';

import { restoreCapabilities, restoreCommand } from '../criu/command.ts';
import { Refusal } from '../errors.ts';
import type { RunFolder } from '../layout.ts';
import { groupsToJoin } from '../system/cgroup.ts';
import type { Fifo } from '../system/fifo.ts';
import { asUser, type Identity } from '../system/identity.ts';
import { childrenOf, readProc, statusOf } from '../system/proc.ts';
import { describeEnd, lastLine, run, type Ended } from '../system/run.ts';
import { timeOffsets } from '../tree/facts.ts';
import { sendSignal } from '../tree/tree.ts';
import type { JobMounts } from './mounts.ts';
import { foreignRights, ownProcesses } from './verify.ts';

export type RestoreRequest = {
  readonly supervisor: Pick<JobMounts, 'pid' | 'file' | 'alive'>;
  readonly identity: Identity;
  readonly images: string;
  readonly logFile: string;
  /** Nanoseconds that the tree's clocks showed when it was frozen. */
  readonly clocks: { readonly monotonic: bigint; readonly boottime: bigint };
  readonly groups: readonly number[];
  readonly highestPid: number;
  readonly script: string;
  readonly currentScript: string;
  readonly runFolder: RunFolder;
  readonly libexec: string;
  readonly path: string;
};

/** A checkpoint that cannot be restored anywhere: somebody has made it say what is not so. */
export class ForgedCheckpoint extends Refusal {}

/** A restored tree in its own namespaces. */
export type Restored = {
  /** The tree's root, as this node numbers it. */
  readonly root: number;
  /** Process 1 of the namespaces: with it ends everything in them. */
  readonly init: number;
  readonly ended: Promise<Ended>;
};

/**
 * Restores a tree: in the cgroups, mount namespace, limits and processors that Slurm gave the supervisor, in fresh pid and time
 * namespaces. No code of the user's runs before each task was looked at. Throws Refusal; then nothing of it is left.
 */
export async function restore(request: RestoreRequest, resumed: Fifo): Promise<Restored> {
  rmSync(request.runFolder.verdict, { force: true });
  resumed.clear();
  const foreign = request.groups.filter((group) => !mayHaveGroup(request.identity, group));
  if (foreign.length > 0) {
    throw new ForgedCheckpoint(
      `the checkpoint is of groups that the job's user is not in: ${foreign.join(', ')}`,
    );
  }
  const argv = restoreArgv(request);
  const model = statusOf(String(request.supervisor.pid)) ?? new Map<string, string>();
  // Whatever was read of it was read of no other process with its number.
  if (!request.supervisor.alive) throw new Refusal('the supervisor is gone');
  let launcher: number | undefined;
  const ended = run(argv, {
    deadlineMs: Infinity,
    path: request.path,
    ownGroup: true,
    started: (pid) => {
      launcher = pid;
    },
  });
  const stage = await Promise.race([waitForPreResume(resumed, () => launcher), ended]);
  if (!('init' in stage)) {
    throw new Refusal(`criu ${describeEnd(stage)}: ${lastLine(stage.stderr)}`);
  }
  const { init, criu } = stage;
  const wrong = foreignRights(init, request.identity, request.groups, model);
  const root = rootOf(init);
  const fault = faultOf({ wrong, root, criu, criuAfterwards: ownProcesses(init).criu });
  if (fault !== undefined || root === undefined) {
    sendSignal(init, 'SIGKILL');
    const end = await ended;
    if (fault === 'criu-ended') throw new Refusal(`criu ${describeEnd(end)} while it restored`);
    throw new ForgedCheckpoint(
      `the checkpoint asks for rights that the job does not have (${wrong ?? 'it has no processes'}): it was changed by somebody and cannot be used`,
    );
  }
  // Root's own folder: nobody else can give this word.
  writeFileSync(request.runFolder.verdict, 'go\n', { mode: 0o644 });
  return { root, init, ended };
}

/**
 * What is to be blamed for a restored tree that may not run; undefined when it may. With criu its whole namespace ends: what is seen of
 * processes that are just ending says nothing about the checkpoint.
 */
export function faultOf(seen: {
  readonly wrong: string | undefined;
  readonly root: number | undefined;
  readonly criu: number | undefined;
  readonly criuAfterwards: number | undefined;
}): 'forged' | 'criu-ended' | undefined {
  if (seen.wrong === undefined && seen.root !== undefined) return undefined;
  const stayed = seen.criu !== undefined && seen.criu === seen.criuAfterwards;
  return stayed ? 'forged' : 'criu-ended';
}

const mayHaveGroup = (identity: Identity, group: number): boolean =>
  group === identity.gid || identity.groups.includes(group);

function restoreArgv(request: RestoreRequest): string[] {
  const offset = clockOffsets(request.clocks);
  const { pid: supervisor } = request.supervisor;
  const groups = { ...request.identity, groups: request.groups };
  return [
    `${request.libexec}/enter-job`,
    ...limitsOf(supervisor),
    `oom=${readProc(`${supervisor}/oom_score_adj`)?.trim() ?? '0'}`,
    ...groupsToJoin(supervisor),
    ...['--', 'nsenter', `--mount=${request.supervisor.file}`, '--wd=/', '--'],
    ...['taskset', '--cpu-list', statusOf(String(supervisor))?.get('Cpus_allowed_list') ?? '0'],
    ...['unshare', '--pid', '--fork', '--kill-child=SIGKILL', '--mount', '--propagation', 'slave'],
    ...['--time', '--monotonic', offset.monotonic, '--boottime', offset.boottime, '--'],
    `${request.libexec}/namespace-init`,
    String(lastPidAbove(request.highestPid)),
    request.script,
    request.currentScript,
    ...asUser(groups, {
      path: request.path,
      capabilities: restoreCapabilities(boundingSetOf(supervisor), allCapabilities()),
      env: { CHECKPOINTER_RUN: request.runFolder.path },
    }),
    ...restoreCommand({
      images: request.images,
      actionScript: `${request.libexec}/action`,
      logFile: request.logFile,
    }),
  ];
}

/**
 * Seconds by which the new clocks must lie ahead of the initial time namespace's (offsets count from there, not from ours) to go on
 * where the tree's stood. unshare takes whole seconds: rounded up, since a clock must never step back.
 */
function clockOffsets(then: { monotonic: bigint; boottime: bigint }): {
  monotonic: string;
  boottime: string;
} {
  const mine = timeOffsets('self');
  const monotonicNow = process.hrtime.bigint() - mine.monotonic;
  const uptime = readFileSync('/proc/uptime', 'utf8').split(' ')[0];
  const boottimeNow = BigInt(Math.floor(Number(uptime) * 1000)) * 1_000_000n - mine.boottime;
  const seconds = (nanoseconds: bigint): string => {
    const whole = nanoseconds / 1_000_000_000n;
    return String(nanoseconds > whole * 1_000_000_000n ? whole + 1n : whole);
  };
  return {
    monotonic: seconds(then.monotonic - monotonicNow),
    boottime: seconds(then.boottime - boottimeNow),
  };
}

/** A number to count on from, far from all of the tree's; numbers wrap around at the kernel's maximum. */
function lastPidAbove(highest: number): number {
  const max = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
  return highest + 2000 < max ? highest + 1000 : 300;
}

const LIMIT_OPTIONS: Readonly<Record<string, string>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

/** The limits of a process, as enter-job takes them: criu can restore only what lies within. */
function limitsOf(pid: number): string[] {
  return (readProc(`${pid}/limits`) ?? '').split('\n').flatMap((line) => {
    const [, name = '', soft, hard] = /^(.+?)\s{2,}(\S+)\s+(\S+)/.exec(line) ?? [];
    const option = LIMIT_OPTIONS[name];
    return option === undefined ? [] : [`limit=${option}=${soft}:${hard}`];
  });
}

function boundingSetOf(pid: number): bigint {
  return BigInt(`0x${statusOf(String(pid))?.get('CapBnd') ?? '0'}`);
}

function allCapabilities(): bigint {
  return (1n << BigInt(Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')) + 1)) - 1n;
}

/**
 * Waits until criu has restored everything and asks, through its action script, before it lets go. A word in the FIFO, which is the
 * user's, is only a hint: what counts is that criu's own child stands at that stage, and nobody can put words into its environment.
 * Returns process 1 of the namespaces, and criu.
 */
async function waitForPreResume(
  resumed: Fifo,
  launcher: () => number | undefined,
): Promise<{ init: number; criu: number }> {
  for (;;) {
    await resumed.line();
    const pid = launcher();
    const init = pid === undefined ? undefined : childrenOf(pid)[0]?.pid;
    if (init === undefined) continue;
    const { criu, script } = ownProcesses(init);
    // When criu is killed, process 1 gets its action script, whose own children have that stage in their environment, too.
    if (criu !== undefined && stageOf(criu) === undefined && stageOf(script) === 'pre-resume') {
      return { init, criu };
    }
  }
}

const STAGE = 'CRTOOLS_SCRIPT_ACTION=';

/** The stage in which criu started this process, its action script or a child of that. */
const stageOf = (pid: number | undefined): string | undefined =>
  (pid === undefined ? undefined : readProc(`${pid}/environ`))
    ?.split('\0')
    .find((word) => word.startsWith(STAGE))
    ?.slice(STAGE.length);

/** The restored root is criu's child, beside the action script that waits for our word. */
function rootOf(init: number): number | undefined {
  const { criu } = ownProcesses(init);
  return criu === undefined
    ? undefined
    : childrenOf(criu).find((child) => child.neverExecuted)?.pid;
}
