import { cp, rm } from 'node:fs/promises';

import { expect } from 'vitest';

import type { Manifest } from '../../../lib/store/manifest.ts';
import { allowComplaints } from '../../helpers/leftovers.ts';
import { on, outside, WORKERS } from '../../helpers/cluster.ts';
import {
  capabilityWords,
  CREDS,
  forgeCreds,
  forgeManifest,
  setNumbers,
} from '../../helpers/forge.ts';
import type { Job } from '../../helpers/job.ts';
import { isHeld, until } from '../../helpers/queue.ts';
import { test } from '../../helpers/test.ts';
import type { User } from '../../helpers/user.ts';

/** Writes down, as often as it can, what rights it has; `before` and `after` the forging are told apart by the node. */
const WATCHER = `import time
while True:
    with open('/proc/self/status') as status:
        rights = [l.strip().replace('\\t', ' ') for l in status if l.startswith(('Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapAmb'))]
    with open('rights.txt', 'a') as log: log.write('; '.join(rights) + '\\n')
    time.sleep(0.001)
`;

const ORDINARY =
  'Uid: 2001 2001 2001 2001; Gid: 2001 2001 2001 2001; Groups: 2001 3000; ' +
  ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map((set) => `${set}: 0000000000000000`).join('; ');

/** A job of alice's that goes on from its first checkpoint, which she has changed. */
async function withForged(
  alice: User,
  forge: (checkpoint: string, job: Job) => Promise<unknown>,
  script = 'python3 watcher.py',
): Promise<Job> {
  await alice.write('watcher.py', WATCHER);
  const job = await alice.submit({
    script: `#!/bin/bash\n${script}\n`,
    comment: 'checkpoint=30,keep=1',
  });
  // What is provoked is for the admin to see, too.
  allowComplaints(new RegExp(`job ${job.name}(?: is held|: Checkpoint \\d+ cannot be restored)`));
  await watches(alice);
  await job.savedAndHeld();
  await forge(outside(`/home/alice/.checkpointer/${job.name}/1`), job);
  await alice.run('scontrol', 'release', job.name);
  return job;
}

async function heldAndGone(job: Job): Promise<string> {
  // First the word: the queue may still show it held as before its release.
  await job.says('The job is held: ');
  await job.is(isHeld);
  await job.cancel();
  await rm(outside(`/home/alice/.checkpointer/${job.name}`), { recursive: true, force: true });
  return (await job.told()).join('\n');
}

const watches = async (user: User): Promise<unknown> =>
  until(async () => (await user.read('rights.txt').catch(() => '')) !== '');

const lines = async (alice: User): Promise<string[]> => [
  ...new Set((await alice.read('rights.txt')).trim().split('\n')),
];

const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid, groups } = CREDS;
const { capInh, capPrm, capEff, capAmb, capBnd } = CREDS;
const SETPCAP = 8;
const SYS_ADMIN = 21;
const CHECKPOINT_RESTORE = 40;

const FORGERIES = [
  { what: 'uid 0', change: setNumbers([uid, euid, suid, fsuid], 0n) },
  { what: 'effective uid 0', change: setNumbers([euid], 0n) },
  { what: 'another user', change: setNumbers([uid, euid, suid, fsuid], 2002n) },
  { what: 'group 0', change: setNumbers([gid, egid, sgid, fsgid], 0n) },
  { what: 'a foreign supplementary group', change: setNumbers([groups], 2001n, 3000n, 0n) },
  {
    what: 'CAP_SYS_ADMIN',
    change: setNumbers([capPrm, capEff], ...capabilityWords(SYS_ADMIN)),
  },
  {
    what: 'CAP_CHECKPOINT_RESTORE kept',
    change: setNumbers([capPrm, capEff], ...capabilityWords(CHECKPOINT_RESTORE)),
  },
  {
    what: 'CAP_CHECKPOINT_RESTORE kept, ambient',
    change: setNumbers([capInh, capPrm, capEff, capAmb], ...capabilityWords(CHECKPOINT_RESTORE)),
  },
  {
    what: 'CAP_CHECKPOINT_RESTORE inheritable',
    change: setNumbers([capInh], ...capabilityWords(CHECKPOINT_RESTORE)),
  },
  {
    what: 'CAP_SETPCAP kept where criu needs it',
    change: setNumbers([capPrm, capEff], ...capabilityWords(SETPCAP)),
  },
];

test.for(FORGERIES)(
  'a checkpoint edited to have $what gains nothing',
  async ({ change }, { alice }) => {
    const job = await withForged(alice, async (checkpoint) => {
      expect(await forgeCreds(checkpoint, change)).toBeGreaterThanOrEqual(4);
    });
    const told = await heldAndGone(job);
    expect(told).toMatch(/asks for rights|groups of the job's user|changed by somebody/);
    expect(await lines(alice)).toEqual([ORDINARY]);
  },
);

test('a bounding set wider than what Slurm gave the job is not had', async ({ alice }) => {
  const job = await withForged(alice, async (checkpoint) =>
    forgeCreds(checkpoint, setNumbers([capBnd], 0xffffffffn, 0x1ffn)),
  );
  await job.restored(1);
  await job.cancel();
  await job.ended();
  expect(await lines(alice)).toEqual([ORDINARY]);
});

const LIES: { what: string; lie: (manifest: Manifest) => object; said: RegExp }[] = [
  {
    what: 'another place of the job script: a program that root runs',
    lie: () => ({ script: '/usr/bin/tini' }),
    said: /\/usr\/bin\/tini is no place of a job script/,
  },
  {
    what: 'a script in a folder outside',
    lie: () => ({ script: '/var/spool/slurmd/../../../etc/forged/job00001/slurm_script' }),
    said: /is no place of a job script/,
  },
  { what: 'a foreign group', lie: () => ({ groups: [2001, 0] }), said: /groups/ },
  {
    what: 'negative clocks',
    lie: () => ({ clocks: { monotonic: '-1', boottime: '-1' } }),
    said: /its manifest has a wrong clocks/,
  },
  {
    what: 'clocks beyond all time',
    lie: () => ({ clocks: { monotonic: '9'.repeat(19), boottime: '9'.repeat(19) } }),
    said: /its manifest has a wrong clocks/,
  },
  {
    what: 'a highest pid beyond all pids',
    lie: ({ tree }) => ({ tree: { ...tree, highest: 1e15 } }),
    said: /its manifest has a wrong tree\.highest/,
  },
  { what: "another job's number", lie: () => ({ jobId: 1 }), said: /belongs to job 1/ },
  {
    what: 'a file of root as its own',
    lie: () => ({
      files: [{ path: '/etc/passwd', size: 0, mtimeMs: 0, appended: true, tail: '' }],
    }),
    said: /\/etc\/passwd/,
  },
  {
    what: "a file of root's as its output",
    lie: ({ outputs }) => ({
      outputs: outputs.map((each) => ({ ...each, path: '/etc/passwd', size: 1e9 })),
    }),
    said: /\/etc\/passwd|EACCES/,
  },
];

test.for(LIES)('a manifest that claims $what gains nothing', async ({ lie, said }, { alice }) => {
  const passwd = await on('n1', 'sha256sum', '/etc/passwd');
  const job = await withForged(alice, async (checkpoint) => forgeManifest(checkpoint, lie));
  expect(await heldAndGone(job)).toMatch(said);
  expect(await lines(alice)).toEqual([ORDINARY]);
  expect(await on('n1', 'sha256sum', '/etc/passwd')).toBe(passwd);
  for (const node of WORKERS) expect(await on(node, 'find', '/etc', '-name', 'forged')).toBe('');
});

/** Tasks that have the names, arguments and environment of criu and of its action script at the stage at which the agent looks. */
const IMPOSTORS = `
export CRTOOLS_SCRIPT_ACTION=pre-resume CRTOOLS_INIT_PID=1 CHECKPOINTER_RUN=/run/slurm-checkpointer/$SLURM_JOB_ID
action=/opt/slurm-checkpointer/current/libexec/action
cp /usr/bin/python3 criu; cp /usr/bin/python3 action
(exec -a $action ./action watcher.py) &
(exec -a "criu" ./criu watcher.py) &
setsid -f ./action watcher.py $action
exec -a criu ./criu watcher.py restore`;

/** Says `restored` in the place of criu's action script, all the time. */
const EARLY_WORD = `use Fcntl; until (-e $ARGV[1]) {
  sysopen my $resumed, "/run/slurm-checkpointer/$ARGV[0]/resumed", O_RDWR | O_NONBLOCK or next;
  syswrite $resumed, "restored\n";
  select undef, undef, undef, 0.0005;
}`;

async function withImpostors(
  alice: User,
  forge: (checkpoint: string) => Promise<unknown>,
  look: (job: Job) => Promise<void>,
): Promise<void> {
  await alice.write('early-word.pl', EARLY_WORD);
  const stop = alice.path('stop');
  let speaking: Promise<unknown>[] = [];
  const speak = (name: string): void => {
    speaking = WORKERS.map(async (node) =>
      alice.tryOn(node, 'timeout', '300', 'perl', alice.path('early-word.pl'), name, stop),
    );
  };
  const job = await withForged(
    alice,
    async (checkpoint, { name }) => {
      await forge(checkpoint);
      speak(name);
    },
    IMPOSTORS,
  );
  try {
    await look(job);
    expect(await lines(alice)).toEqual([ORDINARY]);
  } finally {
    await alice.touch('stop');
    await Promise.all(speaking);
  }
}

test('no task that pretends to be criu or its action script, and no early word in its place, keeps forged rights from being seen', async ({
  alice,
}) => {
  const kept = setNumbers([capPrm, capEff], ...capabilityWords(CHECKPOINT_RESTORE));
  await withImpostors(
    alice,
    async (checkpoint) => expect(await forgeCreds(checkpoint, kept)).toBeGreaterThanOrEqual(4),
    async (job) => expect(await heldAndGone(job)).toMatch(/asks for rights/),
  );
});

test('tasks that pretend to be criu and its action script are restored like all others, whatever is said in its place', async ({
  alice,
}) => {
  await withImpostors(
    alice,
    async () => undefined,
    async (job) => {
      await job.restored(1);
      await alice.run('scontrol', 'requeue', job.name);
      await job.restored(2);
      await job.cancel();
      await job.ended();
    },
  );
});

test("another user's checkpoint, made to look like one's own, gains nothing", async ({
  alice,
  bob,
}) => {
  await bob.write('watcher.py', WATCHER);
  const other = await bob.submit({
    script: '#!/bin/bash\npython3 watcher.py\n',
    comment: 'checkpoint=30',
  });
  await watches(bob);
  await other.savedAndHeld();
  const before = await bob.read('rights.txt');
  const job = await withForged(alice, async (checkpoint, { name }) => {
    const theirs = outside(`/home/bob/.checkpointer/${other.name}/1`);
    await rm(checkpoint, { recursive: true });
    await cp(theirs, checkpoint, { recursive: true });
    await forgeManifest(checkpoint, () => ({
      jobId: Number(name),
      script: `/var/spool/slurmd/job${name.padStart(5, '0')}/slurm_script`,
      groups: [2001, 3000],
    }));
    await on('ctl', 'chown', '-R', 'alice:alice', `/home/alice/.checkpointer/${name}/1`);
  });
  expect(await heldAndGone(job)).toMatch(/asks for rights|cannot be restored/);
  expect(await bob.read('rights.txt')).toBe(before);
  expect(await lines(alice)).toEqual([ORDINARY]);
  await other.cancel();
  await rm(outside(`/home/bob/.checkpointer/${other.name}`), { recursive: true, force: true });
});
