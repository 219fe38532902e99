// The descriptors that Slurm gave the script. Where jobs have a private /tmp (job_container/tmpfs), slurmstepd opens them
// before it enters the job's mounts, and CRIU can't dump a file on a mount that it doesn't see: they are opened again here.
import { fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';

/** Of /proc/self/fdinfo/N (proc_pid_fdinfo(5)). */
const field = (fdinfo: string, name: string): string => new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(fdinfo)?.[1] ?? '';

/** One that is the same file, in the same mode, on a mount that is ours; the given one where it is that, or can't be. */
export function onOurMounts(fd: number): number {
  try {
    const fdinfo = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    if (!path.startsWith('/') || mounts().has(field(fdinfo, 'mnt_id'))) return fd;
    const again = openSync(path, Number.parseInt(field(fdinfo, 'flags'), 8)); // CREAT and TRUNC are not among them
    return isSame(fd, again) ? again : fd;
  } catch {
    return fd; // then CRIU says what it lacks
  }
}

const mounts = (): Set<string> =>
  new Set(
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((mount) => mount.split(' ', 1)[0] ?? ''),
  );

function isSame(a: number, b: number): boolean {
  const [one, other] = [fstatSync(a), fstatSync(b)];
  return one.dev === other.dev && one.ino === other.ino;
}
