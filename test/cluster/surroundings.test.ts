import { expect } from 'vitest';

import { on } from '../helpers/cluster.ts';
import { waitFor } from '../helpers/scripts.ts';
import { test } from '../helpers/test.ts';
import type { User } from '../helpers/user.ts';

/** Everything that a program can see of how it was started. */
const INVENTORY = `inventory() {
  ulimit -S -a; ulimit -H -a; umask; nice; pwd
  cat /proc/$$/oom_score_adj
  grep -E '^(Sig[BI]|Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid|Cpus_allowed:)' /proc/self/status
  for fd in 0 1 2 {4..9} {11..254} 255; do [ ! -e /proc/$$/fd/$fd ] || echo "fd $fd $(readlink /proc/$$/fd/$fd)"; done
  echo "0 is \${0##*/}"; printf '<%q>' "$@"; echo; declare -f shout; trap
  readlink /proc/$$/exe; tr '\\0' ' ' < /proc/$$/cmdline; echo
}
environment() { env -0 | LC_ALL=C sort -z | tr '\\n\\0' '~\\n'; }
`;

const SCRIPT = `#!/bin/bash
${INVENTORY}
inventory "$@" > first.txt; environment > first.env
shout hello
${waitFor('look')}
inventory "$@" > second.txt; environment > second.env
`;

const ARGUMENTS = ['plain', 'two words', "it's", '"', '$HOME', '', '*', 'line\nbreak', '-x'];

/** Differs from job to job, from run to run, and from node to node. */
const VARYING =
  /^(?:SLURM_(?:JOB_ID|JOBID|JOB_NAME|JOB_START_TIME|JOB_END_TIME|TASK_PID|JOB_COMMENT|RESTART_COUNT|RESV_PORTS|JOB_STDOUT|JOB_WORK_DIR)|PWD|_)=/;
const OF_THE_NODE =
  /^(?:SLURMD_NODENAME|SLURM_NODELIST|SLURM_JOB_NODELIST|SLURM_TOPOLOGY_ADDR|HOSTNAME)=/;

const comparable = (text: string, ...without: RegExp[]): string[] =>
  text
    .replaceAll(/job0*\d+\/slurm_script/g, 'jobN/slurm_script')
    .replaceAll(/(?:first|second)\.txt/g, 'inventory.txt')
    .replaceAll(/out-\d+-0\.txt/g, 'out.txt')
    .split('\n')
    .filter((line) => !without.some((pattern) => pattern.test(line)));

/** Submits from a shell whose environment no other program could pass on. */
async function submitFrom(user: User, name: string, options: string): Promise<void> {
  await user.makeFolder(user.path(name));
  await user.write(`${name}/job.sh`, SCRIPT, 0o755);
  await user.write(
    `${name}/submit.sh`,
    `#!/bin/bash
cd ${user.path(name)}
shout() { echo "$1" | tr a-z A-Z; }
export -f shout
export ODD=$'line\\nbreak \\xff\\xfe "quotes" $dollar' EMPTY= LD_PRELOAD= NODE_OPTIONS='--no-such-option' TMPDIR_NOT=1
export 'BASH_FUNC_odd%%=() { echo odd; }' 2>/dev/null
umask 027; ulimit -S -n 777; ulimit -S -c 0; ulimit -S -s 4096
exec sbatch --parsable --output=out.txt ${options} job.sh "$@"
`,
    0o755,
  );
}

test('a job that takes part finds what it would find without, before and after a move', async ({
  alice,
}) => {
  await submitFrom(alice, 'moved', '--comment=checkpoint=0:06');
  await submitFrom(alice, 'undisturbed', '');
  const moved = alice.adopt(
    await alice.run(alice.path('moved/submit.sh'), ...ARGUMENTS),
    alice.path('moved/out.txt'),
  );
  const undisturbed = alice.adopt(
    await alice.run(alice.path('undisturbed/submit.sh'), ...ARGUMENTS),
    alice.path('undisturbed/out.txt'),
  );
  await alice.touch('undisturbed/look');
  await moved.restored(1);
  await alice.touch('moved/look');
  expect(await moved.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await undisturbed.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await moved.ownOutput()).toBe('HELLO\n');

  const read = async (file: string): Promise<string> =>
    (await alice.read(file)).replaceAll(
      new RegExp(`${alice.folder}/(?:moved|undisturbed)`, 'g'),
      alice.folder,
    );
  expect(comparable(await read('moved/first.txt'))).toEqual(
    comparable(await read('undisturbed/first.txt')),
  );
  expect(comparable(await read('moved/second.txt'))).toEqual(
    comparable(await read('moved/first.txt')),
  );
  expect(await read('moved/second.env')).toBe(await read('moved/first.env'));
  const own = [/^TMPDIR=/, /^PATH=/];
  expect(comparable(await read('moved/first.env'), VARYING, OF_THE_NODE, ...own)).toEqual(
    comparable(await read('undisturbed/first.env'), VARYING, OF_THE_NODE, ...own),
  );
  expect(await read('moved/first.env')).toMatch(/^TMPDIR=\/var\/tmp\/slurm-checkpointer\/\d+$/m);
  expect(await read('moved/first.env')).toMatch(
    /^PATH=[^:\n]*slurm-checkpointer[^:\n]*\/path:\/usr\/bin:\/bin$/m,
  );
});

test('a job without options runs as on a cluster without us', async ({ alice }) => {
  const job = await alice.submit({
    script: `#!/bin/bash
${INVENTORY}
environment > env.txt
inventory > inventory.txt
cat /proc/$PPID/comm
echo "$PPID" > parent
${waitFor('go')}
`,
    comment: 'nothing for us',
  });
  await job.says('slurmstepd\n');
  const { nodes } = await job.running();
  const node = nodes as 'n1' | 'n2';
  const left = await on(
    node,
    'sh',
    '-c',
    `ls -d /run/slurm-checkpointer/${job.name}* /var/tmp/slurm-checkpointer/${job.name} 2>/dev/null; tr '\\0' '\\n' < /proc/*/environ 2>/dev/null | grep -x CHECKPOINTER_RUN=/run/slurm-checkpointer/${job.name}; true`,
  );
  expect(left).toBe('');
  await alice.touch('go');
  expect(await job.ended()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(await job.output()).toBe('slurmstepd\n');
  const environment = await alice.read('env.txt');
  expect(environment).toContain('\nPATH=/usr/bin:/bin\n');
  expect(environment).toContain('\nTMPDIR=/tmp\n');
  expect(environment).not.toMatch(/checkpointer/i);
  expect(await alice.read('inventory.txt')).toMatch(
    /\nfd 0 \/dev\/null\nfd 1 \S+inventory.txt\nfd 2 \S+\nfd 255 \S+slurm_script\n/,
  );
});

test('srun and salloc are left alone, whatever they ask for', async ({ alice }) => {
  const asking = ['env', 'SLURM_CHECKPOINT=0:02', `RESULT_FOLDER=${alice.folder}`];
  const say = 'echo "$TMPDIR"; cat /proc/$PPID/comm; sleep 4';
  const [direct, allocated] = await Promise.all([
    alice.try(...asking, 'srun', '--chdir=/', '--comment=checkpoint=0:02', 'bash', '-c', say),
    alice.try(
      ...asking,
      'salloc',
      '--quiet',
      '--chdir=/',
      '--comment=checkpoint=0:02',
      'srun',
      'bash',
      '-c',
      say,
    ),
  ]);
  for (const { status, stdout } of [direct, allocated]) {
    expect({ status, stdout }).toEqual({ status: 0, stdout: '/tmp\nslurmstepd\n' });
  }
});

test('steps of a job that takes part are left alone, and it can start them', async ({ alice }) => {
  const job = await alice.submit({
    script: `#!/bin/bash
srun bash -c 'cat /proc/$PPID/comm; echo step $SLURM_STEP_ID; sleep 1; exit 4'
exit $?
`,
    comment: `results=${alice.folder}`,
  });
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '4:0' });
  expect(await job.ownOutput()).toMatch(/^slurmstepd\nstep 0\n/);
});
