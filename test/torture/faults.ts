import { setTimeout as sleep } from 'node:timers/promises';

import { tryOn } from '../helpers/cluster.ts';
import { killPart } from '../helpers/kill.ts';
import { armShim, shimHasStruck, type Shimmed } from '../helpers/shims.ts';
import { User } from '../helpers/user.ts';
import {
  controllerStopped,
  daemonKilled,
  drain,
  networkCut,
  powerCut,
  type Field,
  type Worker,
} from './field.ts';
import type { FaultKind, FaultPlan } from './plan.ts';
import { isHeld, type Victim } from './victim.ts';

export type Scene = {
  readonly fault: FaultPlan;
  readonly victim: Victim;
  readonly field: Field;
  /** To be called at the moment in which it happens. */
  readonly happens: (where: string) => void;
};

type Doing = (scene: Scene) => Promise<void>;

/** Does a fault to a job, at its moment or as soon after it as it can be done. Returns when all that it took away is back. */
export async function inflict(scene: Scene): Promise<void> {
  const { fault, victim } = scene;
  const due = await victim.until(async () => {
    const { startedAt } = victim;
    return startedAt !== undefined && Date.now() >= startedAt + fault.at * 1000;
  });
  if (due === true) await DOINGS[fault.kind](scene);
}

const killed =
  (part: 'agent' | 'supervisor'): Doing =>
  async ({ victim, happens }) => {
    await victim.until(async ({ state }) => {
      if (state !== 'RUNNING' || !victim.node) return false;
      if (!(await killPart(part, victim.id, victim.node))) return false;
      if (part === 'supervisor') victim.supervisorsKilled += 1;
      happens(victim.node);
      return true;
    });
  };

/** @param when words of the program's own that tell which of its runs is meant */
const armed =
  (program: Shimmed, when: string): Doing =>
  async ({ fault, victim, happens }) => {
    if ((await victim.runs()) === undefined) return;
    await armShim(program, victim.id, when, (fault.number % 4) / 10);
    if (await victim.until(async () => shimHasStruck(program, victim.id))) {
      happens(victim.node ?? '');
    } else if (await shimHasStruck(program, victim.id)) happens(victim.node ?? '');
  };

/** Something that is done to the node on which the job is, or to all of the cluster. */
const toCluster =
  (work: (node: Worker, ms: number, field: Field) => Promise<void>): Doing =>
  async ({ fault, victim, field, happens }) => {
    await field.alone(async () => {
      const node = await victim.runs();
      if (node === undefined) return;
      happens(node);
      await work(node, fault.lasts * 1000, field);
    });
  };

const without = (cut: (node: Worker, ms: number) => Promise<void>): Doing =>
  toCluster(async (node, ms, field) => field.without(node, async () => cut(node, ms)));

const requeued: Doing = async ({ victim, happens }) => {
  const done = await victim.until(async ({ state }) => {
    if (state !== 'RUNNING') return false;
    const words = ['timeout', '30', 'scontrol', 'requeue', victim.job.name];
    return (await victim.user.try(...words)).status === 0;
  });
  if (done === true) happens(victim.node ?? '');
};

const suspended: Doing = async ({ fault, victim, happens }) => {
  const done = await victim.until(async ({ state }) => {
    if (state !== 'RUNNING') return false;
    return (await tryOn('ctl', ['timeout', '30', 'scontrol', 'suspend', victim.id])).status === 0;
  });
  if (done !== true) return;
  happens(victim.node ?? '');
  await sleep(fault.lasts * 1000);
  await victim.until(async ({ state }) => {
    if (state !== 'SUSPENDED') return true;
    await tryOn('ctl', ['timeout', '30', 'scontrol', 'resume', victim.id]);
    return false;
  });
};

const preempted: Doing = toCluster(async (node, ms) => {
  const urgent = new User('bob', 'urgent');
  await urgent.open();
  const job = await urgent.submit({
    script: `#!/bin/bash\nsleep ${ms / 1000}\n`,
    // A controller that is killed meanwhile may have forgotten that it has ended.
    options: ['--partition=urgent', '--exclusive', '--time=1', `--nodelist=${node}`],
  });
  await job.ended();
  await urgent.close();
});

/** Has the job wait in the queue while something is done. */
async function whileHeld(victim: Victim, work: () => Promise<void>): Promise<void> {
  victim.busy += 1;
  victim.wasHeld = true;
  let asked = false;
  try {
    const waits = await victim.until(async ({ state, reason }) => {
      if (state === 'PENDING' && isHeld(reason)) return true;
      const command = state === 'PENDING' ? 'hold' : asked ? undefined : 'requeuehold';
      if (command === undefined || (state !== 'RUNNING' && state !== 'PENDING')) return false;
      const ran = await victim.user.try('timeout', '30', 'scontrol', command, victim.job.name);
      asked ||= command === 'requeuehold' && ran.status === 0;
      return false;
    });
    if (waits === true) await work();
  } finally {
    await victim.release();
    victim.busy -= 1;
  }
}

const held: Doing = async ({ fault, victim, happens }) =>
  whileHeld(victim, async () => {
    happens(victim.node ?? '');
    await sleep(fault.lasts * 1000);
  });

const LARGEST_IMAGE = 'ls -S "$1"/images/*.img | head -n 1';
const MANIFEST = 'echo "$1"/manifest.json';

/** Damages the newest checkpoint while the job waits; it is mended when the job is held for it. @param harm shell commands for $file, which $kept is a copy of */
const damaged =
  (choice: string, harm: string): Doing =>
  async ({ fault, victim, happens }) => {
    await victim.until(
      async ({ state }) => state === 'RUNNING' && (await victim.checkpoints()).length > 0,
    );
    const damage = async (): Promise<void> => {
      const [newest] = (await victim.checkpoints()).toReversed();
      if (newest === undefined) return;
      const kept = `/var/tmp/kept-${victim.id}-${fault.number}`;
      const folder = `${victim.store}/${newest}`;
      const script = `set -e; kept=$2 file=$(${choice}); cp -p "$file" "$kept"; ${harm}; echo "$file"`;
      const ran = await tryOn('ctl', ['bash', '-c', script, '-', folder, kept]);
      if (ran.status !== 0) throw new Error(`fault ${fault.number}: ${ran.stderr}`);
      happens(`${newest} of ${(await victim.checkpoints()).length} checkpoints`);
      // It may have been put aside meanwhile: then an older one has taken its place.
      victim.undo.push(async () => {
        const mend = '[ ! -e "${2%/*}" ] || cp -p "$1" "$2"';
        await tryOn('ctl', ['bash', '-c', mend, '-', kept, ran.stdout.trim()]);
      });
    };
    await whileHeld(victim, async () => victim.damages.take(damage));
  };

const storeAway: Doing = async ({ fault, victim, happens }) => {
  if ((await victim.runs()) === undefined) return;
  if ((await tryOn('ctl', ['chmod', '0', victim.store])).status !== 0) return;
  happens(victim.store);
  await sleep(fault.lasts * 1000);
  await tryOn('ctl', ['chmod', '700', victim.store]);
};

const storeFull: Doing = async ({ fault, victim, happens }) => {
  if ((await victim.runs()) === undefined) return;
  const folder = victim.store.slice(0, victim.store.lastIndexOf('/'));
  const fill = `${folder}/.fill-${fault.number}`;
  await tryOn('ctl', ['sh', '-c', 'cat /dev/zero >"$1"', '-', fill]);
  happens(folder);
  await sleep(fault.lasts * 1000);
  await tryOn('ctl', ['rm', '-f', fill]);
};

const DOINGS: Record<FaultKind, Doing> = {
  'agent killed': killed('agent'),
  'supervisor killed': killed('supervisor'),
  'dump killed': armed('criu', 'dump'),
  'restore killed': armed('criu', 'restore'),
  'copy of TMPDIR killed': armed('tar', '--create'),
  'laying back of TMPDIR killed': armed('tar', '--extract'),
  'check of hashes killed': armed('b3sum', ''),
  'delivery killed': armed('rsync', ''),
  'slurmd killed': toCluster(daemonKilled),
  'slurmctld stopped': toCluster(async (_, ms) => controllerStopped(ms)),
  'slurmctld killed': toCluster(async (_, ms, field) => {
    await field.saved();
    await daemonKilled('ctl', ms);
  }),
  'node without power': without(powerCut),
  'node without network': without(networkCut),
  'node drained': without(drain),
  requeued,
  'held and released': held,
  suspended,
  preempted,
  'store away': storeAway,
  'store full': storeFull,
  'image damaged': damaged(
    LARGEST_IMAGE,
    'printf "\\377\\0" | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none',
  ),
  'image cut short': damaged(LARGEST_IMAGE, 'truncate -s $(($(stat -c %s "$file") / 2)) "$file"'),
  'image missing': damaged('echo "$1"/images/pstree.img', 'rm "$file"'),
  'manifest damaged': damaged(MANIFEST, 'truncate -s 500 "$file"'),
};
