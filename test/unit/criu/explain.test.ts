import { describe, expect, test } from 'vitest';

import { errorLines, explainLog, hasStopped } from '../../../lib/criu/explain.ts';

/** A log as criu writes it with -v4: time, process, source, and much that is no error. */
function logWith(...errors: string[]): string {
  const lines = errors.map((text) => `(00.012345)     42: Error (criu/some-file.c:123): ${text}\n`);
  return [
    '(00.000000) Version: 4.2 (gitid 0)\n',
    '(00.000123) Warn  (criu/kerndat.c:1): No space left on device, this is no error\n',
    '(00.010000)     42: Opening fdinfo-s\n',
    ...lines,
    '(00.020000) Error (criu/cr-restore.c:2000): Restoring FAILED.\n',
  ].join('');
}

describe('what criu says becomes a sentence of cause and remedy', () => {
  test.each([
    [
      'File shared/input.dat has bad size 12 (expect 34)',
      '/shared/input.dat, which the job has open, has changed since the checkpoint (12 bytes instead of 34): put the file back as it was',
    ],
    [
      'si_code=5 si_pid=3215 si_status=0',
      'a process of the job was ended or signalled while it was being saved: it is tried again',
    ],
    [
      'File shared/input.dat has bad mode 0100600 (expect 0100644)',
      'the permissions of /shared/input.dat have changed since the checkpoint: put them back as they were',
    ],
    [
      'File usr/lib/libm.so.6 has bad build-ID',
      '/usr/lib/libm.so.6 is another version on this node than where the checkpoint was taken: the same software is needed on all nodes of the job',
    ],
    [
      "Can't open file tmp/data on restore: No such file or directory",
      '/tmp/data is not there on this node: files that the job keeps open must be in TMPDIR or on a share',
    ],
    [
      "Can't open file shared/anna/my data on restore: Permission denied",
      '/shared/anna/my data cannot be opened on this node: give the access back',
    ],
    ["Can't fork for 321: File exists", 'a process number that the job needs was taken: this is'],
    [
      'Current sid 1 intersects with pid (1) in images',
      'a process number that the job needs was taken: this is',
    ],
    [
      "Can't fork for 4000000: Invalid argument",
      'this node has no room for process number 4000000: kernel.pid_max',
    ],
    ["Can't setgroups([3 gids]): -1", "the groups of the job's user are other ones"],
    [
      'Unable to set real, effective and saved user ID: -1',
      'the checkpoint asks for rights that its owner does not have',
    ],
    [
      'Unable to restore capabilities: -1',
      'the checkpoint asks for rights that its owner does not have',
    ],
    ['Unexpected EOF on core-42.img', 'the checkpoint is damaged or incomplete: an older one'],
    ['Unexpected EOF', 'the checkpoint is damaged or incomplete: an older one'],
    ['Img trimmed 100/200', 'the checkpoint is damaged or incomplete: an older one'],
    [
      'Unable to open inventory.img: No such file or directory',
      'the checkpoint is damaged or incomplete: an older one',
    ],
    ['Not supported images version 3', 'the checkpoint was written by another version of criu'],
    ["Magic doesn't match for pstree.img", 'the checkpoint was written by another version of criu'],
    [
      'cpu: FPU feature required by image is not supported on host',
      "this node's processor lacks something that the job uses: constrain",
    ],
    [
      "Can't bind inet socket: Address already in use",
      'a network port that the job listens on is taken on this node',
    ],
    [
      "Can't bind inet socket (id 27): Address already in use",
      'a network port that the job listens on is taken on this node',
    ],
    [
      "Can't bind inet socket (id 27): Cannot assign requested address",
      'the job listens on the address of its old node: let the program listen on all',
    ],
    [
      "Can't dump ghost file /var/data of 600000000 size, increase limit",
      'the job keeps a deleted file of 600000000 bytes open (/var/data)',
    ],
    [
      "Can't create link remap for /data/x. Use link-remap option.",
      'the job has a file open whose name was deleted but which has another hard link: the admin can allow it: dump_capabilities = dac_read_search',
    ],
    ['trim failed: @link_remap.7@', 'the job has a file open whose name was deleted'],
    [
      "Can't lookup mount=77 for fd=3 path=/mnt/gone/x",
      'the file system of /mnt/gone/x, which the job has open, is no longer mounted',
    ],
    [
      'Open files on overmounted mounts are not supported yet; mount=7 fd=3 path=/a',
      'another mount hides a file that the job has open: unmount it',
    ],
    ['Unaccessible path opened 38:7, need 38:9', 'can no longer be reached by its name'],
    ["Can't stat fd 7: Permission denied", 'can no longer be reached by its name'],
    [
      "Can't open 42's mapfile link 7f00: Permission denied",
      'can no longer be reached by its name',
    ],
    ["Can't open map_files: Permission denied", 'can no longer be reached by its name'],
    [
      'External socket is used. Consider using --ext-unix-sk option.',
      'a process of the job is connected to a service of this node',
    ],
    [
      "Can't dump half of stream unix connection. name: ; peer name: /run/nscd/socket",
      'a process of the job is connected to a service of this node',
    ],
    [
      "Can't get 1:16 opt: Operation not supported",
      'this criu cannot save network sockets under this kernel: the admin must install criu 4.2',
    ],
    [
      'Connected TCP socket, consider using --tcp-established option.',
      'a process of the job has a network connection open',
    ],
    ['suspending seccomp failed: Operation not permitted', 'runs in a sandbox (seccomp)'],
    ["\tCan't dump that handle", 'a process of the job watches files (inotify): the admin can'],
    [
      "Task 42 with SysVIPC shmem map @7f0000000000 doesn't live in IPC ns",
      'the job uses System V shared memory',
    ],
    ['send_fds failed (-22)', 'the job uses io_uring: switch it off'],
    [
      "Can't dump file 5 of that type [20666] (chr 195:255 /dev/nvidiactl)",
      'the job uses a graphics processor or another device',
    ],
    ['handle_device_vma plugin failed: No such file', 'a graphics processor or another device'],
    [
      "Can't dump file 5 of that type [600] (unknown anon_inode:[perf_event])",
      'the job holds a kernel object that cannot be saved (perf_event)',
    ],
    [
      "Can't dump nested user namespace for 42",
      'a container runs inside the job (user namespace): run the program without the container',
    ],
    [
      'Unable to interrupt the process: Operation not permitted',
      'a process of the job is being traced, or this node forbids tracing: detach the debugger',
    ],
    ['Timeout reached. Try to interrupt: 1', 'could not be stopped in time, as when a share hangs'],
    ["Can't write img file: No space left on device", 'there is no space left for the checkpoint'],
    ['Unable to spice data: Input/output error', 'there is no space left for the checkpoint'],
    ["Can't write img file: Disk quota exceeded", 'the quota of the checkpoint folder is used up'],
    [
      "Can't open dir /store/7/1: Permission denied",
      '/store/7/1 cannot be opened on this node: give the access back',
    ],
    ["Can't create tmp file: Read-only file system", 'the checkpoint folder cannot be written'],
    [
      '42 has rseq but kernel lacks get_rseq_conf feature',
      'the kernel of this node is too old for saving programs of its libc',
    ],
    [
      "Running as non-root requires '--unprivileged'",
      'criu did not get the capability that it needs: the admin must look at the agent',
    ],
    ['CRIU needs to have the CAP_SYS_ADMIN', 'criu did not get the capability that it needs'],
    ['tty: Found slave peer index 1 without correspond master peer', 'the job uses a terminal'],
    ["Don't have tty to inherit session from, aborting", 'the job uses a terminal'],
  ])('%s', (line, sentence) => {
    expect(explainLog(logWith(line)).sentence).toContain(sentence);
  });
});

describe('a failed restore is blamed on', () => {
  test.each([
    ['the checkpoint', 'when its images are incomplete', 'Unexpected EOF on core-42.img'],
    ['the job', 'when one of its files has changed', 'File a has bad size 1 (expect 2)'],
    ['the node', 'when another criu wrote them', 'Not supported images version 3'],
    ['the node', 'when its software differs', 'File usr/bin/python3 has bad build-ID'],
    ['the node', 'when a library is longer', 'File usr/lib/libz.so.1 has bad size 2 (expect 1)'],
    ['the node', "when a user's library differs", 'File local/lib/x.so has bad size 2 (expect 1)'],
    ['the job', 'when its data differs', 'File shared/usr/data has bad size 2 (expect 1)'],
    ['the node', 'when nobody knows the cause', 'Something new'],
  ])('%s %s', (whom, _when, line) => {
    expect(explainLog(logWith(line)).blame).toBe(whom.replace('the ', ''));
  });
});

describe('lines that change nothing are no cause', () => {
  test.each([
    "Can't get rlimit RLIMIT_NOFILE: Operation not permitted, No space left on device",
    'Unable to detach from 42',
    'Failed to turn off repair mode on socket: Connected TCP socket',
    'kerndat: Connected TCP socket',
    '42 exited, status=1, io_uring',
  ])('%s', (line) => {
    expect(explainLog(logWith(line)).sentence).toBe('criu says "Restoring FAILED."');
    expect(explainLog(logWith(line, 'Connected TCP socket')).sentence).toContain(
      'a network connection open',
    );
  });

  test('nor are warnings and what criu only tells', () => {
    const log = '(00.1) Warn  (criu/x.c:1): Connected TCP socket\n(00.2) io_uring\n';
    expect(explainLog(log)).toEqual({
      sentence: 'criu gave no reason',
      blame: 'node',
      passes: false,
    });
  });
});

test('the first error with an explanation is the cause', () => {
  const log = logWith('Something new', 'Connected TCP socket', "Can't setgroups([1 gids]): -1");
  expect(explainLog(log).sentence).toContain('a network connection open');
});

test("criu's own first error stands where nobody knows better", () => {
  expect(explainLog(logWith('Something new', 'Something else')).sentence).toBe(
    'criu says "Something new"',
  );
});

test('an error of any length makes a short sentence', () => {
  expect(explainLog(logWith('x'.repeat(100_000))).sentence.length).toBeLessThan(300);
});

test('an empty log gives no reason', () => {
  expect(explainLog('').sentence).toBe('criu gave no reason');
});

test('errors are told without time, process and source', () => {
  expect(errorLines(logWith('One', 'Two: Error (3)'))).toEqual([
    'One',
    'Two: Error (3)',
    'Restoring FAILED.',
  ]);
});

test('criu has stopped a task when its log tells of one', () => {
  const begun =
    '(00.182027) Running pre-dump scripts\n(00.198829) cg-prop: Parsing controller "freezer"\n';
  expect(hasStopped('')).toBe(false);
  expect(hasStopped(begun)).toBe(false);
  expect(hasStopped(`${begun}(00.199204) Seized task 9054, state 1\n`)).toBe(true);
});
