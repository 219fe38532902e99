import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';

/** Begins each of our lines in a job's output, so that none can be taken for the program's. */
export const PREFIX = '[checkpointer] ';

/** Begins a line of ours that had to break an unfinished line of the program's: without it and its line break, the two halves join. */
export const MID_LINE_PREFIX = '[checkpointer, mid-line] ';

/** One line into the job's output. An output that cannot be written (disk full) must not harm the job. */
export function say(text: string): void {
  const line = text.replaceAll(/\p{C}/gu, ' ');
  try {
    writeSync(1, endsMidLine(1) ? `\n${MID_LINE_PREFIX}${line}\n` : `${PREFIX}${line}\n`);
  } catch {
    // Nobody to tell.
  }
}

/** Whether the last byte of an output file, which may be open for appending only, is something else than a line break. */
function endsMidLine(fd: number): boolean {
  let reader: number | undefined;
  try {
    const { size } = fstatSync(fd);
    if (size === 0 || !fstatSync(fd).isFile()) return false;
    reader = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
    const byte = Buffer.alloc(1);
    return readSync(reader, byte, 0, 1, size - 1) === 1 && byte[0] !== 0x0a;
  } catch {
    return false;
  } finally {
    if (reader !== undefined) closeSync(reader);
  }
}

/** The text of an output file as the program wrote it: without our lines and Slurm's about requeues. */
export function programsOwn(output: string): string {
  return output
    .replaceAll(/^\[checkpointer\] .*\n/gm, '')
    .replaceAll(/^slurmstepd-\S+: error: (?:\*\*\* |TaskProlog failed ).*\n/gm, '')
    .replaceAll(/\n\[checkpointer, mid-line\] .*\n/g, '');
}
