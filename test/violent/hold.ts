// A job that Slurm holds: it says why, it has what it can go on from, and its owner does what it asks for.
import { as, mustExec } from '../cluster/node.ts';
import type { JobRecord } from '../scenarios/slurm.ts';
import type { Witness } from './witness.ts';

/** Its last words. Throws where they don't say, or what it had saved is gone. */
export function whyHeld(witness: Witness, { text }: JobRecord): string {
  const { job } = witness;
  const last = job.said().at(-1) ?? '';
  if (/Reason=launch_failed/.test(text)) return 'Slurm could not start it, and held it by itself';
  if (!/ held\b/.test(last)) throw new Error(`job ${job.id} is held, and its output does not say why: ${last}`);
  if (job.said().includes('Dump done, Exit code: 0') && witness.checkpoints().length === 0)
    throw new Error(`job ${job.id} is held, and its checkpoints are gone`);
  return last;
}

/** Which serves it to the nodes. */
const onCtl = (file: string): string => file.replace(/^\/net\//, '/srv/net/');

/** That its earlier run no longer writes, where the hold asks for it: once it is so. */
export async function giveTheWord(witness: Witness, hold: string): Promise<void> {
  const [, from, to] = /: mv (\S+) (\S+)\. /.exec(hold) ?? [];
  if (from === undefined || to === undefined) return;
  await witness.ends();
  await mustExec('ctl', ...as('alice'), 'mv', onCtl(from), onCtl(to));
}
