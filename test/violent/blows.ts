// What is done to nodes, daemons and single processes. Nothing of vitest: torture does it, too.
import { exec, mustExec, turnOff } from '../cluster/node.ts';
import { isBack, untilTrue } from '../scenarios/nodes.ts';
import { catches, type Sighted } from './strike.ts';
import type { Witness } from './witness.ts';

/** While a process of the job is stopped at some moment of its life. Throws when there is none until the job's end. */
export async function at(moment: Sighted, witness: Witness, blow: (kill: () => void) => unknown): Promise<void> {
  using caught = await catches(witness.job.id, moment, () => witness.isOver());
  if (!caught) throw new Error(`job ${witness.job.id} was over before there was a ${moment}`);
  await blow(() => caught.kill());
}

/** Until the end of the scope, and until the node takes jobs again. Slurm is told: it would find out after SlurmdTimeout. */
export async function cutPower(name: string): Promise<AsyncDisposable> {
  await turnOff(name);
  await mustExec('ctl', 'scontrol', 'update', `NodeName=${name}`, 'State=DOWN', 'Reason=power');
  return {
    async [Symbol.asyncDispose]() {
      await isBack(name);
    },
  };
}

const ping = async (): Promise<string> => (await exec('ctl', ['timeout', '5', 'scontrol', 'ping'])).stdout;

export async function untilControllerAnswers(): Promise<void> {
  await untilTrue('the controller answers', async () => (await ping()).includes('is UP'));
}
