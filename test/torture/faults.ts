// Each fault, done to one job or to the cluster under it.
import { setTimeout as sleep } from 'node:timers/promises';
import { signalDaemon, startDaemon } from '../cluster/node.ts';
import { cutPower, untilControllerAnswers } from '../violent/blows.ts';
import { DAMAGES, doDamage } from '../violent/damage.ts';
import type { SmallStore } from '../violent/small-store.ts';
import { SAVED_MS } from '../violent/set-back.ts';
import { kill, type Sighted } from '../violent/strike.ts';
import { atMoment, isToBeRestored, OF_CRIU, OF_RESTORES, OF_RSYNC, requeue } from './moments.ts';
import type { FaultName, FaultPlan } from './plan.ts';
import { nodeOf, until, type Scene } from './scene.ts';

/** Throws, or never comes back, where the job is over before. */
type Doing = (scene: Scene) => Promise<unknown>;

const chosen = <T>(choices: readonly T[], { which }: FaultPlan): T => choices[Math.floor(which * choices.length)]!;

const killed =
  (what: Sighted): Doing =>
  async ({ witness }) =>
    until(witness, () => kill(witness.job.id, what));

const killedAt =
  (moments: readonly Sighted[]): Doing =>
  async (scene) => {
    const fitting = moments.filter((moment) => scene.mode === 'snapshot' || moment !== 'rsync that moves a snapshot');
    return atMoment(chosen(fitting, scene.fault), scene, (killIt) => killIt());
  };

/** While the job is there. */
const toItsNode =
  (blow: (node: string, scene: Scene) => Promise<unknown>): Doing =>
  async (scene) =>
    scene.cluster.take(async () => blow(await nodeOf(scene.witness), scene));

const daemon =
  (signal: 'KILL' | 'TERM') =>
  async (name: string, { fault, losesNode }: Scene): Promise<void> => {
    losesNode(name, 'slurmd');
    await signalDaemon(name, signal);
    await sleep(fault.seconds * 1000);
    await startDaemon(name);
    await untilControllerAnswers();
  };

async function killedController(_: string, scene: Scene): Promise<void> {
  await sleep(Math.max(0, scene.submittedAt() + SAVED_MS - Date.now()));
  scene.controllerForgets();
  await daemon('KILL')('ctl', scene);
}

async function hungController(_: string, { fault }: Scene): Promise<void> {
  await signalDaemon('ctl', 'STOP');
  await sleep(fault.seconds * 3000);
  await signalDaemon('ctl', 'CONT');
  await untilControllerAnswers();
}

async function powerCut(node: string, { fault, losesNode }: Scene): Promise<void> {
  losesNode(node, 'power');
  await using _power = await cutPower(node);
  await sleep(fault.seconds * 1000);
}

const powerCutAt =
  (moments: readonly Sighted[]): Doing =>
  async (scene) =>
    atMoment(chosen(moments, scene.fault), scene, async () =>
      scene.cluster.take(async () => powerCut(await nodeOf(scene.witness), scene)),
    );

const store =
  (begin: (small: SmallStore) => Promise<unknown>, end: (small: SmallStore) => Promise<unknown>): Doing =>
  async ({ fault, ownStore, isUnderWay }) => {
    if (!ownStore) return;
    await begin(ownStore);
    const over = sleep(fault.seconds * 1000).then(async () => end(ownStore));
    isUnderWay(over);
    await over;
  };

/** To the newest checkpoint, while the job waits to go on from it. */
const damaged: Doing = async (scene) => {
  const { fault, witness, mend } = scene;
  await isToBeRestored(scene);
  await until(witness, () => witness.job.record()?.state === 'PENDING' && witness.checkpoints().length > 0);
  mend(doDamage(chosen(DAMAGES, fault), witness));
};

export const FAULTS: Readonly<Record<FaultName, Doing>> = {
  'kill-agent': killed('agent'),
  'kill-supervisor': killed('supervisor'),
  'kill-supervisor-in-a-dump': async (scene) =>
    atMoment('criu that has dumped', scene, () => kill(scene.witness.job.id, 'supervisor')),
  'kill-criu': killedAt(OF_CRIU),
  'kill-rsync': killedAt(OF_RSYNC),
  'kill-slurmd': toItsNode(daemon('KILL')),
  'end-slurmd': toItsNode(daemon('TERM')),
  'stop-slurmctld': toItsNode(hungController),
  'kill-slurmctld': toItsNode(killedController),
  'cut-power': toItsNode(powerCut),
  'cut-power-in-a-dump': powerCutAt(OF_CRIU.slice(0, 4)),
  'cut-power-in-a-restore': powerCutAt(OF_RESTORES),
  requeue,
  'fill-store': store(
    async (small) => small.isFilled(),
    async (small) => small.isEmptied(),
  ),
  'hide-store': store(
    async (small) => small.goes(),
    async (small) => small.comesBack(),
  ),
  'read-only-store': store(
    async (small) => small.remount('ro'),
    async (small) => small.remount('rw'),
  ),
  damage: damaged,
};
