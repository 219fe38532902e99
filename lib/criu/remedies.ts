// What CRIU's errors mean to the owner of a job: a cause, and what to do about it.

const CLOSE = 'close it before the checkpoint';
const ROOM = 'make room where checkpoints are kept';
const CONSTRAIN = 'keep to one kind of node (--constraint)';
const TELL = 'please tell your administrator';
const REPORT = 'please report this';

const NOWHERE = 'nowhere';

/** $1 is what the pattern caught. The first that fits counts. `nowhere`: no other node can restore it either. */
export const REMEDIES: readonly (readonly [RegExp, cause: string, remedy: string, restorable?: 'nowhere'])[] = [
  // Of a restore
  [
    /File (.*) has bad size (\d+) \(expect (\d+)\)/,
    '/$1 was changed since the checkpoint ($2 bytes, not $3)',
    'put it back as it was',
    NOWHERE,
  ],
  [/File (.*) has bad mode/, 'the permissions of /$1 were changed since the checkpoint', 'put them back', NOWHERE],
  [/File (.*) has bad build-ID/, '/$1 is another version on this node', 'all nodes need the same software'],
  [
    /Can't open (?:file|dir) \/?(.+?)(?: on restore)?: No such file/,
    '/$1 is missing on this node',
    'keep such files in TMPDIR or on a shared file system',
  ],
  [
    /Can't open (?:file|dir) \/?(.+?)(?: on restore)?: Permission denied/,
    "/$1 can't be opened on this node",
    'give the access back that the job had',
  ],
  [/Can't open cwd/, "the job's working folder is missing on this node", 'work in TMPDIR or on a shared file system'],
  [
    /Can't fork for (\d+): Invalid argument/,
    'this node has no process number as high as $1',
    'kernel.pid_max must be the same on all nodes',
  ],
  [
    /Can't fork for \d+: File exists|Current (?:sid|gid) .* intersects/,
    'a process number of the job is taken',
    'release the job to try again, and report this',
  ],
  [/Unable to drop capability/, 'CRIU may not put the capabilities back as they were (CAP_SETPCAP)', TELL],
  [
    /Can't setgroups/,
    'the groups of the user were changed since the checkpoint',
    'have them put back as they were',
    NOWHERE,
  ],
  [
    /Unable to (?:set real, effective and saved|restore capabilities)/,
    'the checkpoint asks for rights that its owner does not have',
    'it was changed, and is not used',
    NOWHERE,
  ],
  [/Unexpected EOF|Img trimmed|inventory/, 'the checkpoint is incomplete', TELL, NOWHERE],
  [
    /Not supported images version|Magic doesn't match/,
    'the checkpoint was written by another version of CRIU',
    'all nodes need the same',
  ],
  [/killed by signal (?:4|11)\b/, "this node's processor, kernel or CRIU is too unlike the last node's", CONSTRAIN],
  [/cpu:.*(?:FPU|feature|capab)|cpuinfo/i, "this node's processor lacks what the job uses", CONSTRAIN],
  [
    /Can't bind inet socket.*: Address already in use/,
    'a port that the job listens on is taken on this node',
    'exclude the node (scontrol update ExcNodeList=)',
  ],
  [
    /Can't bind inet socket.*: Cannot assign/,
    'the job listens on an address of its old node',
    'let it listen on 0.0.0.0',
  ],
  // Of a dump
  [/not a session leader/, 'the tree of the job is not led by its root', REPORT],
  [
    /Can't dump ghost file \/?(.*) of (\d+) size/,
    'the job holds the removed file /$1 open, with $2 bytes too big to carry',
    CLOSE,
  ],
  [
    /Can't create link remap|Can't link remap|trim failed: .*link_remap/,
    'the job holds a removed file open that has another hard link',
    CLOSE,
  ],
  [/Some file locks are hold/, 'the job holds file locks', REPORT],
  [
    /Can't lookup mount=\d+ .*path=\/?(.*)/,
    'the file system of /$1 is no longer mounted',
    'close the file, or have it mounted again',
  ],
  [/overmounted.*path=\/?(.*)/, 'another mount hides /$1', 'close the file, or have that unmounted'],
  [/Unaccessible path opened/, "the name of a file that the job has open is now another file's", CLOSE],
  [
    /Can't stat fd .*Permission denied|map_files.*Permission denied|mapfile link/,
    "a file that the job has open can't be reached",
    'keep it on another file system',
  ],
  [/failed to dump fs|proper root mount/, 'CRIU does not see the mounts of the job', TELL],
  [
    /External socket is used|half of stream unix connection/,
    'the job is connected to a service on its node',
    'close that connection before the checkpoint',
  ],
  [
    /Can't get 1:16 opt/,
    "this CRIU can't save network sockets under this kernel",
    'please tell your administrator: CRIU 4.2 can',
  ],
  [/In-flight connection/, 'somebody is connecting to the job', 'it may pass by itself'],
  [/Connected TCP socket/, 'the job has an open network connection', CLOSE],
  [/suspending seccomp failed/, 'the job runs in a sandbox (seccomp)', 'run it without'],
  [
    /Can't dump that handle/,
    "the job watches a file that can't be found (inotify)",
    'end the watch before the checkpoint',
  ],
  [
    /SysVIPC shmem map/,
    'the job uses System V shared memory',
    'use POSIX shared memory or files where the program has the choice',
  ],
  [/send_fds failed \(-22\)|io_uring/, 'the job uses io_uring', 'many programs can do without (UV_USE_IO_URING=0)'],
  [/\(chr 195|handle_device_vma plugin failed/, 'the job uses a GPU or RDMA device', "its state can't be saved"],
  [/Can't dump file .*anon_inode:\[?([\w-]+)/, "the job has a kernel object open that can't be saved ($1)", CLOSE],
  [/Can't dump file .* \((\S+ \S+)\)/, "the job has a file open that can't be saved ($1)", CLOSE],
  [/nested (\w+) namespace/, 'the job runs a container (its own $1 namespace)', 'run the program without'],
  [
    /Unseizable|can't wait task|already traced/,
    'a process of the job is traced, or this node forbids tracing',
    'detach the debugger; ptrace_scope 3 allows no checkpoints',
  ],
  [/Timeout reached/, 'the job could not be stopped in time (a hanging file system?)', 'it may pass by itself'],
  [/No space left on device|spice data/, 'no space left for the checkpoint', ROOM],
  [/Disk quota exceeded/, 'the disk quota does not allow another checkpoint', ROOM],
  [/Can't get rlimit/, 'CRIU may not look at the job', TELL],
  [
    /has rseq but kernel lacks/,
    "this node's kernel is too old for the job's programs",
    'please tell your administrator: Linux 5.13 can',
  ],
  [/Tracking memory is not available/, "this node's kernel can't track memory", REPORT],
  [/tty: |slave peer|inherit session from/, 'the job uses a terminal', 'run it without one'],
  [/no CAP_|needs to have the CAP|requires.*CAP_|Running as non-root/, 'CRIU lacks a privilege', TELL],
  [
    /Can't (?:open|create) .*(?:Permission denied|Read-only file system)/,
    "the checkpoint can't be written",
    'see to the folder where checkpoints are kept',
  ],
];
