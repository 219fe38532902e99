import { join } from 'node:path';

/**
 * The only place that spells a CRIU flag. Facts: criu(8) and CRIU 4.2's source; tried on CRIU 4.1.1 and 4.2.1.
 */
const COMMON = [
  // Else criu obeys ~/.criu/default.conf, which is the user's.
  '--no-default-config',
  // Runs with CAP_CHECKPOINT_RESTORE alone, Linux 5.9 and later: as the user, so shares that keep root out work.
  '--unprivileged',
  '--file-locks',
  // Open files whose name is gone: with another hard link (and what NFS does to deleted ones) they are linked anew, ...
  '--link-remap',
  // ... without one their contents travel in the image, up to this size.
  ...['--ghost-limit', '512M'],
  '-v4',
] as const;

/** criu asks this program what next, at its stages; it runs as criu does. */
const asking = (program: string): string[] => ['--action-script', program];

/** criu's log of a dump, in its images' folder. */
export const DUMP_LOG = 'dump.log';
/** criu's log of a restore, in the job's folder. */
export const RESTORE_LOG = 'restore.log';

/** Seconds that criu may take to stop all tasks; one in an uninterruptible wait (a hung share) ends the attempt. */
const FREEZE_SECONDS = 60;

export function dumpCommand(request: {
  /** The tree's root, as its own pid namespace numbers it. */
  root: number;
  images: string;
  actionScript: string;
  /** The tree is to run on, not to end, when the supervisor has said that the checkpoint is complete. */
  leaveRunning: boolean;
}): string[] {
  return [
    ...['criu', 'dump', '--tree', String(request.root)],
    ...['--images-dir', request.images, '--log-file', DUMP_LOG],
    ...COMMON,
    ...asking(request.actionScript),
    ...['--timeout', String(FREEZE_SECONDS)],
    ...(request.leaveRunning ? ['--leave-running'] : []),
  ];
}

export function restoreCommand(request: {
  images: string;
  actionScript: string;
  logFile: string;
}): string[] {
  return [
    ...['criu', 'restore'],
    ...['--images-dir', request.images, '--log-file', request.logFile],
    // In the job's own folder in the store: criu keeps its log open for as long as the tree lives, and what is open on a share cannot be
    // removed (NFS, FUSE: a hidden file stays), while the checkpoint has to be when newer ones are there.
    ...['--work-dir', join(request.images, '../..')],
    ...COMMON,
    ...asking(request.actionScript),
    // Tasks stay in the groups that criu is in: those of the step.
    '--manage-cgroups=ignore',
  ];
}

/** What criu needs beyond checkpoint_restore to restore: it drops every capability that the tree's bounding set lacks,
 * even one that is gone already (PR_CAPBSET_DROP wants CAP_SETPCAP). */
export function restoreCapabilities(boundingSet: bigint, allCapabilities: bigint): string[] {
  const full = (boundingSet & allCapabilities) === allCapabilities;
  return full ? ['checkpoint_restore'] : ['checkpoint_restore', 'setpcap'];
}
