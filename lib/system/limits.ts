// Resource limits (setrlimit(2)): what CRIU restores must lie within its own hard ones, and it says nothing where it doesn't.
import { readFileSync } from 'node:fs';

const OPTIONS: Readonly<Record<string, string>> = {
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

/** /proc/PID/limits as options of prlimit(1). */
export const parseLimits = (text: string): string[] =>
  text.split('\n').flatMap((line) => {
    const [, name = '', soft, hard] = /^(.+?)\s{2,}(\S+)\s+(\S+)/.exec(line) ?? [];
    const option = OPTIONS[name];
    return option === undefined ? [] : [`--${option}=${soft}:${hard}`];
  });

/** Wraps a command so that it runs with the limits of another process; those that we may not raise stay as they are. */
export function withLimitsOf(pid: number, command: readonly string[]): string[] {
  const limits = parseLimits(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  const set = 'while [ "$1" != -- ]; do prlimit --pid $$ "$1" 2> /dev/null; shift; done; shift; exec "$@"';
  return ['sh', '-c', set, 'limits', ...limits, '--', ...command];
}
