import { dumpCommand } from '../criu/command.ts';
import { Refusal } from '../errors.ts';
import { isFrozen } from '../system/cgroup.ts';
import { asUser, type Identity } from '../system/identity.ts';
import { linkOf } from '../system/proc.ts';
import { describeEnd, lastLine, run } from '../system/run.ts';
import { innerPid } from '../tree/tree.ts';
import type { JobMounts } from './mounts.ts';
import type { Restored } from './restore.ts';
import { foreignRightsInTree } from './verify.ts';

export type DumpRequest = {
  readonly root: number;
  readonly images: string;
  readonly leaveRunning: boolean;
  /** The tree's, as we know them, not as its processes have them now: root runs programs in there. */
  readonly namespaces: Pick<JobMounts, 'file'> | Pick<Restored, 'init'>;
  readonly identity: Identity;
  readonly runFolder: string;
  readonly libexec: string;
  readonly path: string;
  readonly capabilities: readonly string[];
};

/**
 * Runs criu in the tree's own namespaces, as the tree's user. criu asks the supervisor, through its action script, whether the
 * checkpoint is complete, and then ends the tree; where the tree's namespace ends with it, criu ends too, by SIGKILL.
 * Never to be killed while it starts: that can take the job along.
 */
export async function dump(
  request: DumpRequest,
  started: (pid: number) => void,
): Promise<{ exitCode: number | null; reason: string }> {
  const inner = innerPid(request.root);
  if (inner === undefined) throw new Refusal(`process ${request.root} is gone`);
  const around = 'init' in request.namespaces ? request.namespaces.init : 'self';
  if (linkOf(`${request.root}/ns/pid`) !== linkOf(`${around}/ns/pid`)) {
    throw new Refusal(`process ${request.root} runs in a pid namespace of its own`);
  }
  const foreign = foreignRightsInTree(request.root, request.identity);
  if (foreign !== undefined) {
    throw new Refusal(
      `${foreign} is more than the job's user has: wait until this process has ended`,
    );
  }
  if (isFrozen(request.root)) throw new Refusal('the job is suspended (scontrol suspend)');
  const ended = await run(
    [
      'nsenter',
      ...('init' in request.namespaces
        ? ['--target', String(request.namespaces.init), '--mount', '--pid', '--time']
        : [`--mount=${request.namespaces.file}`]),
      ...['--wd=/', '--'],
      ...asUser(request.identity, {
        path: request.path,
        // A zombie that was restored keeps the capabilities that criu had then (restoreCapabilities). The kernel shows how it
        // ended only to who has all of them, and to others 0.
        capabilities: ['checkpoint_restore', 'setpcap', ...request.capabilities],
        env: { CHECKPOINTER_RUN: request.runFolder },
      }),
      ...dumpCommand({
        root: inner,
        images: request.images,
        leaveRunning: request.leaveRunning,
        actionScript: `${request.libexec}/action`,
      }),
    ],
    { deadlineMs: Infinity, path: request.path, ownGroup: true, started },
  );
  return {
    exitCode: ended.exitCode ?? null,
    reason:
      ended.signal === undefined
        ? `criu ${describeEnd(ended)}: ${lastLine(ended.stderr)}`
        : `criu ${describeEnd(ended)}`,
  };
}
