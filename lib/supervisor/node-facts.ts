import { readFileSync } from 'node:fs';
import { release } from 'node:os';

import type { Manifest } from '../store/manifest.ts';
import { run } from '../system/run.ts';

type NodeFacts = Pick<Manifest, 'kernel' | 'criu' | 'cpuFlags' | 'libc'>;

/** What of this node a restored tree depends on. */
export async function nodeFacts(path: string): Promise<NodeFacts> {
  const [version, libc] = await Promise.all([
    run(['criu', '--version'], { deadlineMs: 10_000, path }),
    run(['getconf', 'GNU_LIBC_VERSION'], { deadlineMs: 10_000, path }),
  ]);
  return {
    kernel: release(),
    libc: libc.stdout.trim(),
    criu: /^Version: (\S+)/m.exec(version.stdout)?.[1] ?? '',
    cpuFlags:
      /^(?:flags|Features)\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '',
  };
}

/**
 * Why a tree that was saved there cannot run here; undefined when nothing is known against it. Its libraries, the C library too, criu compares
 * itself, by their build ids.
 */
export function misfit(
  there: Omit<NodeFacts, 'libc'>,
  here: Omit<NodeFacts, 'libc'>,
): string | undefined {
  const flags = new Set(here.cpuFlags.split(' '));
  const lacking = there.cpuFlags.split(' ').filter((flag) => flag !== '' && !flags.has(flag));
  if (lacking.length > 0) {
    return `its processor lacks ${lacking.slice(0, 5).join(', ')}, which the job may use: constrain the job to one kind of processor (--constraint)`;
  }
  if (isOlder(here.kernel, there.kernel)) {
    return `its kernel ${here.kernel} is older than ${there.kernel}, where the checkpoint was taken`;
  }
  if (here.criu === '') return 'criu cannot be run';
  if (isOlder(here.criu, there.criu)) {
    return `its criu ${here.criu} is older than ${there.criu}, which wrote the checkpoint`;
  }
  return undefined;
}

/** Compares major and minor version. */
function isOlder(mine: string, other: string): boolean {
  const [major = 0, minor = 0] = mine.split(/[.-]/).map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split(/[.-]/).map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
