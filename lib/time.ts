const UNITS = { day: 86_400, hour: 3600, minute: 60 } as const;

/**
 * A time span in any format that sbatch's `--time` takes: minutes; minutes:seconds; hours:minutes:seconds; days-hours;
 * days-hours:minutes; days-hours:minutes:seconds (sbatch(1)). Returns seconds, or undefined for anything else.
 */
export function parseSlurmTime(text: string): number | undefined {
  const [, days, rest] = /^(?:(\d{1,5})-)?(\d{1,9}(?::\d{1,9}){0,2})$/.exec(text) ?? [];
  if (rest === undefined) return undefined;
  const [first = 0, second = 0, third = 0] = rest.split(':').map(Number);
  if (days !== undefined) {
    return Number(days) * UNITS.day + first * UNITS.hour + second * UNITS.minute + third;
  }
  const parts = rest.split(':').length;
  return parts === 3
    ? first * UNITS.hour + second * UNITS.minute + third
    : first * UNITS.minute + second;
}

export const SLURM_TIME_FORMATS =
  'minutes, m:s, h:m:s, days-hours, d-h:m or d-h:m:s, for example 0-0:45 for 45 minutes';

/**
 * Whole milliseconds since the epoch by a clock that nobody sets while we run: a jump of the wall clock must not cost a day's checkpoints. Only
 * what others say in wall-clock time is compared with Date.now().
 */
export const steadyNow = (): number => Math.round(performance.timeOrigin + performance.now());

/** The clocks of a cluster's machines are no further apart: milliseconds. */
export const CLOCKS_APART_MS = 60_000;

/** Seconds in the words of a person: `45 min`, `2 h 5 min`, `3 d 4 h`. */
export function describeSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const days = Math.floor(whole / UNITS.day);
  const hours = Math.floor((whole % UNITS.day) / UNITS.hour);
  const minutes = Math.floor((whole % UNITS.hour) / UNITS.minute);
  const rest = whole % UNITS.minute;
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  return rest > 0 ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** Bytes in the words of a person, in powers of 1024. */
export function describeBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
