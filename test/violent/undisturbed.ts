// What witness.py does, and what it leaves when nothing is done to it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { outside } from '../cluster/layout.ts';
import { as, exec } from '../cluster/node.ts';
import type { Place } from '../scenarios/place.ts';

export type Work = {
  readonly steps: number;
  /** Seconds between two of them. */
  readonly pause: number;
  /** Of memory, and as much in TMPDIR. */
  readonly megabytes: number;
  readonly status: number;
  /** To a file where it stands, opened once. */
  readonly appends: boolean;
};
export const commandOf = ({ steps, pause, megabytes, status, appends }: Work, name: string): string =>
  ['./witness.py', steps, pause, megabytes, status, appends ? name : '-'].join(' ');

export type Undisturbed = { readonly output: string; readonly file: (name: string) => string | undefined };
/** In TMPDIR. */
export const RESULTS = ['piped', 'records', 'ballast'];

/** The same work, at once and without Slurm. */
export async function undisturbed(place: Place, name: string, work: Work): Promise<Undisturbed> {
  const folder = place.makeFolder(`undisturbed-${name}`);
  const command = commandOf({ ...work, pause: 0 }, path.join(folder, 'appended'));
  const script = `cd ${place.folder} && TMPDIR=${folder} ${command}`;
  const { status, stdout, stderr } = await exec('ctl', [...as('alice'), 'sh', '-c', script]);
  if (status !== work.status) throw new Error(`it does not even work undisturbed: ${stderr}`);
  return { output: `${stdout}\n`, file: (file: string) => textOf(outside(path.join(folder, file))) };
}

export const textOf = (file: string): string | undefined =>
  existsSync(file) ? readFileSync(file, 'latin1') : undefined;
