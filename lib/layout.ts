import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Every path of ours on a node. The shell guards in hooks/ spell the same names. */
export const CONFIG_FILE = '/etc/slurm-checkpointer/checkpointer.ini';

/**
 * The installed version that the running entry point, lib/NAME.js in it, belongs to. A job keeps to it for all of its run, also when
 * another version is installed meanwhile.
 */
export const PREFIX_FOLDER = resolve(dirname(realpathSync(process.argv[1] ?? '.')), '..');

/** Node-local, gone after a reboot, root's: what lives here is as trustworthy as root. */
export const RUN_ROOT = '/run/slurm-checkpointer';

/** The site's settings that the shell guards need, compiled from the ini by the Prolog. */
export const SITE_FILE = `${RUN_ROOT}/site`;

/** Of one job on this node: root's folder, with the user's own folder inside. */
export type RunFolder = {
  readonly path: string;
  /** The job's comment asks for us, in the run of this number (its restarts). */
  readonly asked: string;
  /** The FIFO that TaskProlog rings; only the job's user may write it. */
  readonly bell: string;
  /** Job's facts as first registered, for the Epilog. Root's. */
  readonly record: string;
  readonly socket: string;
  /** Written by criu's action script when everything is restored; the answer comes in `verdict`, which only root writes. */
  readonly resumed: string;
  readonly verdict: string;
  /** The user's own, mode 0700. */
  readonly user: string;
  readonly environ: string;
  /** Words for sh that complete the script's environment. */
  readonly preparation: string;
  readonly status: string;
  /** Written by criu's action script while the tree is frozen; `commit` holds the supervisor's answer. */
  readonly frozen: string;
  readonly commit: string;
};

export const runFolder = (jobId: number): RunFolder => runFolderAt(`${RUN_ROOT}/${jobId}`);

export function runFolderAt(path: string): RunFolder {
  const user = `${path}/user`;
  return {
    path,
    asked: `${path}.asked`,
    bell: `${path}.bell`,
    record: `${path}/record.json`,
    socket: `${path}/agent.sock`,
    resumed: `${path}/resumed`,
    verdict: `${path}/verdict`,
    user,
    environ: `${user}/environ`,
    preparation: `${user}/preparation`,
    status: `${user}/status`,
    frozen: `${user}/frozen`,
    commit: `${user}/commit`,
  };
}
