import { closeSync, constants, openSync } from 'node:fs';

import { Refusal } from '../errors.ts';
import { PREFIX_FOLDER, RUN_ROOT } from '../layout.ts';
import { linkOf, readProc } from '../system/proc.ts';

/** Where the programs that root runs for a job come from, with what they load and read, but for our own prefix. */
const SYSTEM = [
  ...['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/usr', '/etc'],
  RUN_ROOT,
];

/**
 * The mount namespace of a job's supervisor, held open: root runs programs in it, so it must be one that the user cannot have
 * furnished. A namespace that he made himself (unshare --user --mount) belongs to a user namespace of his; one that a
 * privileged program made for him, as a container's, shows other system folders than ours.
 */
export class JobMounts implements Disposable {
  readonly #process: number;
  readonly #namespace: number;
  readonly #pid: number;

  /** Throws Refusal. */
  constructor(pid: number) {
    this.#pid = pid;
    try {
      // A descriptor of /proc/PID stands for this process, never for a later one of the same number.
      this.#process = openSync(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch {
      throw new Refusal(`process ${pid} is gone`);
    }
    try {
      this.#namespace = openSync(`/proc/self/fd/${this.#process}/ns/mnt`, constants.O_RDONLY);
    } catch {
      closeSync(this.#process);
      throw new Refusal(`process ${pid} is gone`);
    }
    // Looked at only now: nobody gets back from a user namespace of his own, so what was opened is no namespace of such a one.
    const own = linkOf(`${pid}/ns/user`) === linkOf('self/ns/user');
    const strange = strangeMount(
      readProc('self/mountinfo') ?? '',
      readProc(`${pid}/mountinfo`) ?? '',
      PREFIX_FOLDER,
    );
    if (own && strange === undefined && this.alive) return;
    this[Symbol.dispose]();
    throw new Refusal(
      own
        ? `process ${pid} runs in a container (${strange ?? 'gone'})`
        : `process ${pid} runs in a user namespace of its own`,
    );
  }

  /** Whether the process still exists, so that its number means no other one. */
  get alive(): boolean {
    return readProc(`self/fd/${this.#process}/stat`) !== undefined;
  }

  get pid(): number {
    return this.#pid;
  }

  /** The namespace as a file, for nsenter. */
  get file(): string {
    return `/proc/${process.pid}/fd/${this.#namespace}`;
  }

  [Symbol.dispose](): void {
    closeSync(this.#namespace);
    closeSync(this.#process);
  }
}

/**
 * A mount that makes the system's own folders, or our prefix, other ones in `theirs` than in `ours`, both mountinfo texts; undefined when
 * there is none.
 */
export function strangeMount(ours: string, theirs: string, prefix: string): string | undefined {
  const own = new Set(mountsOf(ours));
  const their = new Set(mountsOf(theirs));
  if (their.size === 0) return '/';
  const differing = [...own].filter((mount) => !their.has(mount));
  differing.push(...[...their].filter((mount) => !own.has(mount)));
  return differing
    .map((mount) => mount.split(' ')[2] ?? '/')
    .find((point) =>
      [...SYSTEM, prefix].some((folder) => isWithin(point, folder) || isWithin(folder, point)),
    );
}

const isWithin = (path: string, folder: string): boolean =>
  `${path}/`.startsWith(folder === '/' ? '/' : `${folder}/`);

/** Device, folder of its file system and mount point of each mount (proc_pid_mountinfo(5)). */
const mountsOf = (mountinfo: string): string[] =>
  mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').slice(2, 5).join(' '));
