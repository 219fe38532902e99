import { programsOwn } from '../../lib/supervisor/say.ts';

/** What a job has left: paths of files and their bytes, its output and its status among them. */
export type Work = {
  readonly output: string;
  readonly status: number;
  readonly files: ReadonlyMap<string, string>;
};

const BEGIN = 'begin\n';
const DUMPED = /^\[checkpointer(?:, mid-line)?\] Dump done, Exit code: 0$/gm;
const RESTORED = /^\[checkpointer(?:, mid-line)?\] Checkpoint restore finished\. Exit code: 0/gm;
const BEGINS_ANEW =
  /^\[checkpointer(?:, mid-line)?\] No checkpoint was taken in the earlier runs of this job/m;

/** slurmstepd tells the job's output of its own trouble, as with an authentication daemon that was killed. */
const SLURMS_OWN = /^slurmstepd-\S+: error: .*\n/gm;

export const checkpointsIn = (output: string): number => [...output.matchAll(DUMPED)].length;
export const restoresIn = (output: string): number => [...output.matchAll(RESTORED)].length;

/**
 * How a job's whole output differs from that of the undisturbed run: empty when in nothing. A job that had no checkpoint when its node died
 * begins anew, as a line of its output says, and what it wrote before is not part of its work; but it never does so after a checkpoint.
 */
export function faultsOfOutput(output: string, expected: string): string[] {
  const found: string[] = [];
  const anew = output.split(BEGINS_ANEW);
  if (anew.slice(0, -1).some((before) => checkpointsIn(before) > 0)) {
    found.push('it began anew although it had a checkpoint');
  }
  const own = programsOwn(output).replaceAll(SLURMS_OWN, '');
  const begins = own.split(BEGIN).length - 1;
  if (begins > anew.length) found.push(`it began ${begins} times, which nothing explains`);
  const last = own.slice(Math.max(0, own.lastIndexOf(BEGIN)));
  const difference = differenceOf(last, expected);
  if (difference !== undefined) found.push(`its output ${difference}`);
  return found;
}

/** How files differ from those of the undisturbed run. */
export function faultsOfFiles(
  files: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
): string[] {
  return [...new Set([...files.keys(), ...expected.keys()])].flatMap((name) => {
    const is = files.get(name);
    const should = expected.get(name);
    if (should === undefined) return [`${name} should not be there`];
    if (is === undefined) return [`${name} is missing`];
    const difference = differenceOf(is, should);
    return difference === undefined ? [] : [`${name} ${difference}`];
  });
}

/** The first place where two texts differ, in a few words. */
function differenceOf(is: string, should: string): string | undefined {
  if (is === should) return undefined;
  let at = 0;
  while (at < is.length && is[at] === should[at]) at += 1;
  const piece = (text: string): string => JSON.stringify(text.slice(at, at + 40));
  return `has ${is.length} bytes instead of ${should.length}, and from byte ${at} on ${piece(is)} instead of ${piece(should)}`;
}
