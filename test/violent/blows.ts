// What is done to nodes, daemons and single processes. Nothing of vitest: torture does it, too.
import { NODES } from '../cluster/layout.ts';
import { exec, mustExec, turnOff, turnOn } from '../cluster/node.ts';
import { until } from '../scenarios/slurm.ts';
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
  const node = NODES.find((each) => each.name === name);
  if (!node) throw new Error(`no node ${name}`);
  await turnOff(name);
  await mustExec('ctl', 'scontrol', 'update', `NodeName=${name}`, 'State=DOWN', 'Reason=power');
  return {
    async [Symbol.asyncDispose]() {
      turnOn(node);
      const state = async (): Promise<string> =>
        (await exec('ctl', ['sinfo', '-h', '-N', '-n', name, '-o', '%T'])).stdout;
      await untilTrue(`${name} is back`, async () => /^(idle|mixed|allocated)$/m.test(await state()));
    },
  };
}

const ping = async (): Promise<string> => (await exec('ctl', ['timeout', '5', 'scontrol', 'ping'])).stdout;

export async function untilControllerAnswers(): Promise<void> {
  await untilTrue('the controller answers', async () => (await ping()).includes('is UP'));
}

/** As until(), of what has to be asked for. */
async function untilTrue(what: string, ask: () => Promise<boolean>): Promise<void> {
  let holds = false;
  const look = async (): Promise<unknown> => (holds = await ask().catch(() => false));
  const asking = setInterval(() => void look(), 1000);
  await until(what, () => holds).finally(() => clearInterval(asking));
}
