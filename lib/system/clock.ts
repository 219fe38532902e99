// The clocks of time namespaces (time_namespaces(7)).
import { readFileSync } from 'node:fs';

export type Clock = {
  /** Seconds since boot, as this process sees it. */
  readonly uptime: number;
  /** Seconds by which the monotonic clock of the process lies ahead of the initial time namespace's. */
  readonly offset: number;
};

export const clockOf = (process: number | 'self'): Clock => ({
  uptime: Number.parseFloat(readFileSync('/proc/uptime', 'utf8')),
  offset: Number(/^monotonic\s+(-?\d+)/m.exec(readFileSync(`/proc/${process}/timens_offsets`, 'utf8'))?.[1] ?? 0),
});
