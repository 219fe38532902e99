/** A cause in criu's log, in the words of the job's owner. */
type Explanation = {
  readonly pattern: RegExp;
  readonly cause: string;
  readonly remedy: string;
  /** Whose fault a failed restore is, if not the job's: the checkpoint is bad and an older one may be good, or another node may do. */
  readonly blame?: 'checkpoint' | 'node';
  /** It passes by itself within a minute. */
  readonly passes?: true;
};

const NO_SPACE: Explanation = {
  pattern: /No space left on device|spice data/,
  cause: 'there is no space left for the checkpoint',
  remedy: 'make room in the checkpoint folder',
};

const NO_QUOTA: Explanation = {
  pattern: /Disk quota exceeded/,
  cause: 'the quota of the checkpoint folder is used up',
  remedy: 'make room or ask for more',
};

const OTHER_SOFTWARE = {
  cause: '/$1 is another version on this node than where the checkpoint was taken',
  remedy: 'the same software is needed on all nodes of the job',
  blame: 'node',
} as const;

/** First match wins. `$1` stands for what the pattern's first group caught. */
const EXPLANATIONS: readonly Explanation[] = [
  {
    // A program or library: nobody changes these but with the node's software.
    pattern:
      /File ((?:usr|bin|sbin|lib\w*|opt)\/.*|.*\.so(?:\.[\d.]+)?) has bad size \d+ \(expect \d+\)/,
    ...OTHER_SOFTWARE,
  },
  {
    pattern: /File (.*) has bad size (\d+) \(expect (\d+)\)/,
    cause: '/$1, which the job has open, has changed since the checkpoint ($2 bytes instead of $3)',
    remedy: 'put the file back as it was',
  },
  {
    pattern: /File (.*) has bad mode/,
    cause: 'the permissions of /$1 have changed since the checkpoint',
    remedy: 'put them back as they were',
  },
  {
    pattern: /File (.*) has bad build-ID/,
    ...OTHER_SOFTWARE,
  },
  {
    pattern: /Can't open (?:file|dir) \/?(.+?)(?: on restore)?: No such file/,
    cause: '/$1 is not there on this node',
    remedy: 'files that the job keeps open must be in TMPDIR or on a share',
    blame: 'node',
  },
  {
    pattern: /Can't open (?:file|dir) \/?(.+?)(?: on restore)?: Permission denied/,
    cause: '/$1 cannot be opened on this node',
    remedy: 'give the access back that the job had when it was checkpointed',
    blame: 'node',
  },
  {
    pattern: /Can't fork for (\d+): File exists|Current (?:sid|gid) \d+ intersects/,
    cause: 'a process number that the job needs was taken',
    remedy: 'this is a fault of slurm-checkpointer, please report it',
    blame: 'node',
  },
  {
    pattern: /Can't fork for (\d+)/,
    cause: 'this node has no room for process number $1',
    remedy: 'kernel.pid_max must not be smaller than on the node of the checkpoint',
    blame: 'node',
  },
  {
    pattern: /Can't setgroups/,
    cause: "the groups of the job's user are other ones than at the checkpoint",
    remedy: 'restore the membership, or start the job anew',
  },
  {
    pattern: /Unable to (?:set real, effective and saved (?:user|group) ID|restore capabilities)/,
    cause: 'the checkpoint asks for rights that its owner does not have',
    remedy: 'it was changed by somebody; it cannot be used',
    blame: 'checkpoint',
  },
  {
    pattern: /Unexpected EOF|Img trimmed|Can't open .*inventory|inventory\.img.*No such file/,
    cause: 'the checkpoint is damaged or incomplete',
    remedy: 'an older one is used if there is one',
    blame: 'checkpoint',
  },
  {
    pattern: /Not supported images version|Magic doesn't match/,
    cause: 'the checkpoint was written by another version of criu',
    remedy: 'the same criu is needed on all nodes',
    blame: 'node',
  },
  {
    pattern: /cpu:.*(?:FPU|feature|capab)/i,
    cause: "this node's processor lacks something that the job uses",
    remedy: 'constrain the job to one kind of processor (--constraint)',
    blame: 'node',
  },
  {
    // pipe(7), pipe-user-pages-soft: counted by user, and a criu that dumps another job of his takes as much as that has memory.
    pattern: /(?:Can't restore|Unable to set a) pipe size: Operation not permitted/,
    cause: "the pipes of this user's programs hold as much as this node allows",
    remedy: 'it is tried again',
    blame: 'node',
    passes: true,
  },
  {
    pattern: /Can't bind inet socket.*: Address already in use/,
    cause: 'a network port that the job listens on is taken on this node',
    remedy: 'another node may have it free',
    blame: 'node',
  },
  {
    pattern: /Can't bind inet socket.*: Cannot assign requested address/,
    cause: 'the job listens on the address of its old node',
    remedy: 'let the program listen on all addresses (0.0.0.0)',
    blame: 'node',
  },
  {
    pattern: /Can't dump ghost file \/?(.*) of (\d+) size/,
    cause: 'the job keeps a deleted file of $2 bytes open (/$1)',
    remedy: 'let the program close it, or not delete it',
  },
  {
    pattern: /Can't create link remap|trim failed: @?link_remap/,
    cause: 'the job has a file open whose name was deleted but which has another hard link',
    remedy: 'the admin can allow it: dump_capabilities = dac_read_search',
  },
  {
    pattern: /Can't lookup mount=\d+ .*path=(\S+)/,
    cause: 'the file system of $1, which the job has open, is no longer mounted',
    remedy: 'mount it again or let the program close the file',
  },
  {
    pattern: /overmounted/i,
    cause: 'another mount hides a file that the job has open',
    remedy: 'unmount it',
  },
  {
    pattern: /Unaccessible path opened|Can't stat fd .*Permission denied|map_files|mapfile link/,
    cause: 'a file that the job has open can no longer be reached by its name',
    remedy: 'let the program close and open it again',
  },
  {
    pattern: /External socket is used|half of stream unix connection/,
    cause: 'a process of the job is connected to a service of this node',
    remedy: 'let the program close the connection, checkpoints go on when it has',
  },
  {
    pattern: /Can't get 1:16 opt: Operation not supported/,
    cause: 'this criu cannot save network sockets under this kernel',
    remedy: 'the admin must install criu 4.2 or later',
  },
  {
    pattern: /Connected TCP socket/,
    cause: 'a process of the job has a network connection open',
    remedy: 'connections cannot move to another node; checkpoints go on when it is closed',
  },
  {
    pattern: /suspending seccomp failed/,
    cause: 'a process of the job runs in a sandbox (seccomp)',
    remedy: 'run it without the sandbox',
  },
  {
    pattern: /Can't dump that handle|inotify|Can't dump file \d+ of that type.*inotify/,
    cause: 'a process of the job watches files (inotify)',
    remedy: 'the admin can allow it: dump_capabilities = dac_read_search',
  },
  {
    pattern: /SysVIPC shmem map/,
    cause: 'the job uses System V shared memory',
    remedy: 'it cannot be saved; programs with a choice can use POSIX shared memory or files',
  },
  {
    pattern: /send_fds failed \(-22\)|io_uring/,
    cause: 'the job uses io_uring',
    remedy: 'switch it off in the program (for example UV_USE_IO_URING=0)',
  },
  {
    pattern: /chr 195|handle_device_vma plugin failed|nvidia/,
    cause: 'the job uses a graphics processor or another device',
    remedy: 'its state cannot be saved',
  },
  {
    pattern: /Can't dump file .*anon_inode:\[?([\w-]+)/,
    cause: 'the job holds a kernel object that cannot be saved ($1)',
    remedy: 'let the program close it',
  },
  {
    pattern: /Can't dump nested (\w+) namespace/,
    cause: 'a container runs inside the job ($1 namespace)',
    remedy: 'run the program without the container',
  },
  {
    pattern: /Unable to (?:seize|interrupt)|already traced|ptrace.*Operation not permitted/i,
    cause: 'a process of the job is being traced, or this node forbids tracing',
    remedy:
      'detach the debugger; on nodes with yama the admin needs dump_capabilities = sys_ptrace',
  },
  {
    pattern: /Timeout reached/,
    cause: 'a process of the job could not be stopped in time, as when a share hangs',
    remedy: 'it is tried again',
  },
  NO_SPACE,
  NO_QUOTA,
  {
    pattern: /Can't (?:open|create) .*(?:Permission denied|Read-only file system)/,
    cause: 'the checkpoint folder cannot be written',
    remedy: 'check its permissions',
  },
  {
    pattern: /has rseq but kernel lacks/,
    cause: 'the kernel of this node is too old for saving programs of its libc',
    remedy: 'Linux 5.13 or later is needed',
  },
  {
    pattern: /Running as non-root requires|needs to have the CAP/,
    cause: 'criu did not get the capability that it needs',
    remedy: 'the admin must look at the agent: root in it needs CAP_CHECKPOINT_RESTORE',
  },
  {
    // compel's SIGCHLD handler: a tracee has ended or was stopped by a signal that nobody expected.
    pattern: /si_code=\d+ si_pid=\d+ si_status=/,
    cause: 'a process of the job was ended or signalled while it was being saved',
    remedy: 'it is tried again',
  },
  {
    pattern: /tty: |slave peer|inherit session from/,
    cause: 'the job uses a terminal',
    remedy: 'run the program without one',
  },
];

/** Lines that CRIU calls errors but that change nothing. */
const HARMLESS =
  /RLIMIT_NOFILE|Unable to detach from|Failed to turn off repair mode|kerndat|exited, status=/;

/** criu's errors, in its own words, without time stamps. */
export function errorLines(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => /Error \(/.test(line) && !HARMLESS.test(line))
    .map((line) => line.replace(/^.*?Error \([^)]*\): /, ''));
}

export type Reason = {
  readonly sentence: string;
  readonly blame: 'checkpoint' | 'node' | 'job';
  readonly passes: boolean;
};

export const NO_REASON = 'criu gave no reason';

/** The same for a folder that takes nothing more, not even criu's log. */
export function explainFull(errno: 'ENOSPC' | 'EDQUOT'): string {
  const { cause, remedy } = errno === 'ENOSPC' ? NO_SPACE : NO_QUOTA;
  return `${cause}: ${remedy}`;
}

/** One plain sentence of cause and remedy for what criu's log says, or criu's own first error where we know no better. */
export function explainLog(log: string): Reason {
  const errors = errorLines(log);
  for (const line of errors) {
    for (const { pattern, cause, remedy, blame, passes } of EXPLANATIONS) {
      const match = pattern.exec(line);
      if (!match) continue;
      const fill = (_: string, group: string): string => match[Number(group)] ?? '';
      const sentence = `${cause}: ${remedy}`.replaceAll(/\$(\d)/g, fill);
      return { sentence, blame: blame ?? 'job', passes: passes ?? false };
    }
  }
  const [first] = errors;
  const sentence = first === undefined ? NO_REASON : `criu says "${first.slice(0, 200)}"`;
  return { sentence, blame: 'node', passes: false };
}

/** Whether criu, by its log, had stopped any task (`ptrace(PTRACE_INTERRUPT)`; collect_pstree in criu/seize.c). */
export const hasStopped = (log: string): boolean => /^\([\d.]+\) Seized task \d+/m.test(log);
