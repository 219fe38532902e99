import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';

import { expect } from 'vitest';

import { on, outside, WORKERS } from '../../helpers/cluster.ts';
import { completed } from '../../helpers/moved.ts';
import { waitFor } from '../../helpers/scripts.ts';
import { test } from '../../helpers/test.ts';

/** As long as it takes, wherever it is, and once more when it is allowed to end. */
const WAITING = `#!/bin/bash\necho begin\n${waitFor('finish')}\necho end\n`;

test("criu's own configuration files in a job's HOME and environment are obeyed neither at the dump nor at the restore", async ({
  bob,
  onTestFinished,
}) => {
  const script = await bob.write('script', `#!/bin/sh\nid >> ${bob.path('mark')}\nexit 1\n`, 0o755);
  const harm = `log-file ${bob.path('log')}\naction-script ${script}\ntcp-close\nleave-stopped\nghost-limit 1\n`;
  const folder = '/home/bob/.criu';
  onTestFinished(async () => rm(outside(folder), { recursive: true, force: true }));
  await mkdir(outside(folder), { recursive: true });
  await writeFile(outside(`${folder}/default.conf`), harm);
  // It would do harm, if criu read it.
  const capability = '+checkpoint_restore';
  await on(
    'n1',
    ...['setpriv', '--reuid=2002', '--regid=2002', '--clear-groups'],
    ...[`--inh-caps=${capability}`, `--ambient-caps=${capability}`],
    ...['env', '-i', 'HOME=/home/bob', 'PATH=/usr/sbin:/usr/bin:/bin'],
    ...['criu', 'check', '--unprivileged'],
  );
  expect(await readdir(outside(bob.folder))).toContain('log');
  await rm(outside(bob.path('log')));
  const job = await bob.submit({
    script: WAITING,
    comment: 'checkpoint=0:05',
    environment: {
      CRIU_CONFIG_FILE: await bob.write('criu.conf', harm),
      CRIU_FAULT: '1',
      CRIU_LIBS_DIR: bob.folder,
      CRTOOLS_SCRIPT_ACTION: 'pre-resume',
    },
  });
  await job.restored(2);
  await bob.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  expect(await job.ownOutput()).toBe('begin\nend\n');
  const names = await readdir(outside(bob.folder));
  expect(names.filter((name) => ['mark', 'log'].includes(name))).toEqual([]);
});

/** Programs of Slurm's task start and of the tree that have the job's own environment, as they would have without us. */
const USERS_OWN = [
  ...['slurmstepd', 'bash', 'cat', 'dash', 'env', 'grep', 'sh', 'sleep', 'tini', 'truncate'],
  'sort', // the script's
];

test("what a job's environment has programs load is loaded by its own processes alone, and there as it should be", async ({
  alice,
}) => {
  const preloaded = alice.path('preloaded.so');
  await on('ctl', 'sh', '-c', `cp /lib/*/libm.so.6 ${preloaded}`);
  await chmod(outside(preloaded), 0o644);
  await alice.makeFolder(alice.path('loaded'));
  await chmod(outside(alice.path('loaded')), 0o1777);
  const required = await alice.write(
    'required.cjs',
    `require('fs').appendFileSync('${alice.path('required')}', process.argv.join(' ') + '\\n')`,
  );
  // Only bash of a script reads BASH_ENV, only an interactive sh ENV.
  const sourced = await alice.write('sourced.sh', `echo "$0" >> ${alice.path('sourced')}\n`);
  const environment = {
    LD_PRELOAD: preloaded,
    // The loader of every program that gets this writes a file, which is its user's.
    LD_DEBUG: 'files',
    LD_DEBUG_OUTPUT: alice.path('loaded/by'),
    NODE_OPTIONS: `--require=${required}`,
    NODE_PATH: alice.folder,
    BASH_ENV: sourced,
    ENV: sourced,
  };
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const job = await alice.submit({
    script: `#!/bin/bash
look() { env | grep -E '^(LD_|NODE_|BASH_ENV|ENV=)' | sort; grep -c ${preloaded} /proc/$$/maps; }
look > before; echo begin
${waitFor('finish')}
look > after
`,
    comment: 'checkpoint=30',
    // Not sbatch's own environment: it would obey, too.
    options: [`--export=ALL,${words.join(',')},SLURM_CONF=/nowhere`],
  });
  await job.says('begin');
  for (const times of [1, 2]) {
    await alice.run('scontrol', 'requeue', job.name);
    await job.restored(times);
  }
  const { nodes } = await job.running();
  const mapped = await on(
    nodes as 'n1',
    'sh',
    '-c',
    `grep -lsF ${preloaded} /proc/[0-9]*/maps | while read -r maps; do stat -c %u $maps; basename "$(readlink \${maps%maps}exe)"; done | sort -u`,
  );
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  const before = await alice.read('before');
  expect(before.split('\n').slice(0, -2)).toEqual(words.toSorted());
  expect(await alice.read('after')).toBe(before);
  // The script has it in its memory, more than once for its parts; so have what it and TaskProlog started.
  expect(
    mapped
      .trim()
      .split('\n')
      .filter((word) => !USERS_OWN.includes(word)),
  ).toEqual(['2001']);
  const loaded = await on(
    'ctl',
    'sh',
    '-c',
    `cd ${alice.folder}/loaded && stat -c %u * | sort -u && sed -n 's/.*initialize program: //p' * | xargs -n 1 basename | sort -u`,
  );
  const [owner, ...programs] = loaded.trim().split('\n');
  expect(owner).toBe('2001');
  expect(programs).toContain('bash');
  expect(programs.filter((program) => !USERS_OWN.includes(program))).toEqual([]);
  expect((await alice.read('sourced')).trim()).toMatch(/^\S+\/slurm_script$/);
  expect(await readdir(outside(alice.folder))).not.toContain('required');
});

const MEGABYTES = [
  { where: 'the environment', variable: 'SLURM_CHECKPOINT', kilobytes: 100 },
  { where: 'the environment', variable: 'RESULT_FOLDER', kilobytes: 100 },
  { where: 'the script', variable: 'SLURM_CHECKPOINT', kilobytes: 1000 },
  { where: 'the script', variable: 'RESULT_FOLDER', kilobytes: 1000 },
] as const;

test.for(MEGABYTES)(
  'an option $variable of $kilobytes kB in $where is refused in one short sentence',
  async ({ where, variable, kilobytes }, { alice }) => {
    const value = `/${'x'.repeat(kilobytes * 1000)}`;
    const job = await alice.submit({
      script: `#!/bin/bash\n${where === 'the script' ? `export ${variable}=${value}\n` : ''}echo ran\n`,
      environment: where === 'the environment' ? { [variable]: value } : {},
    });
    expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '64:0' });
    const [line = '', ...more] = await job.told();
    expect(more).toEqual([]);
    expect(line).toMatch(
      new RegExp(`^The job was not started: ${variable}.* is "/x{79}[^x]+, but must be`),
    );
    expect(line.length).toBeLessThan(400);
    expect(await job.ownOutput()).toBe('');
  },
);

test('a comment of a megabyte never gets past Slurm, and one of the longest that does is refused in one short sentence', async ({
  alice,
}) => {
  const script = await alice.write(
    'megabyte.sh',
    `#!/bin/bash\n#SBATCH --comment=checkpoint=${'x'.repeat(1_000_000)}\necho ran\n`,
  );
  const { status, stderr } = await alice.try('sbatch', `--chdir=${alice.folder}`, script);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/too long/);
  const job = await alice.submit({
    script: '#!/bin/bash\necho ran\n',
    comment: `checkpoint=${'x'.repeat(1000)}`,
  });
  expect(await job.ended()).toMatchObject({ state: 'FAILED', exitCode: '64:0' });
  const [line = '', ...more] = await job.told();
  expect(more).toEqual([]);
  expect(line.length).toBeLessThan(400);
});

/**
 * Sends one SIGUSR1 to each supervisor of a job: to the first as soon as Node is there, to the next, in its batch-task.sh or in Node, as soon
 * as it catches the signal in whatever way (SigCgt in /proc/PID/status), and so on by turns. Says which way it was.
 */
const STRIKER = `use strict; $| = 1; my ($job, $stop) = @ARGV; my ($turn, %struck) = (0);
until (-e $stop) {
  select undef, undef, undef, 0.001;
  for my $folder (glob '/proc/[0-9]*') {
    my ($pid) = $folder =~ /(\\d+)/;
    next if $struck{$pid};
    open my $cmdline, '<', "$folder/cmdline" or next;
    my $node = ($_ = <$cmdline> // '') && m{/lib/supervisor\\.js\\0};
    # Not what Node is just starting.
    open my $stat, '<', "$folder/stat" or next;
    my ($parent) = <$stat> =~ /\\) \\S (\\d+)/;
    open my $comm, '<', "/proc/$parent/comm" or next;
    next unless <$comm> =~ /^slurmstepd/;
    next unless ($node || m{/libexec/batch-task\\0}) && m{/job0*$job/slurm_script};
    if ($turn % 2) {
      open my $status, '<', "$folder/status" or next;
      my ($caught) = map { /^SigCgt:\\s*(\\S+)/ } <$status>;
      next unless hex(substr $caught // '0', -4) & 0x200;
    } elsif (!$node) { next }
    kill 'USR1', $pid or next;
    $struck{$pid} = 1; $turn++;
    print $turn % 2 ? "there\\n" : $node ? "caught by Node\\n" : "caught by the shell\\n";
  }
}`;

/** Asks whatever alice's processes listen at on 127.0.0.1 for the name of a debugger, as any user of the node can; srun, at all addresses, does not outlive such a question. */
const INTRUDER = `use strict; use IO::Socket::INET; $| = 1; my %asked;
until (-e $ARGV[0]) {
  select undef, undef, undef, 0.001;
  open my $table, '<', '/proc/net/tcp';
  for (<$table>) {
    my ($port, $state, $uid, $inode) = /^\\s*\\d+: 0100007F:(\\w+) \\S+ (\\w+) \\S+ \\S+ \\S+\\s+(\\d+)\\s+\\d+\\s+(\\d+)/ or next;
    next unless $state eq '0A' && $uid == 2001;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => hex $port, Timeout => 5) or next;
    print $socket "GET /json/list HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n";
    local $/; my $answer = <$socket> // '';
    print $answer =~ /webSocketDebuggerUrl/ ? "IN\\n" : "out\\n";
  }
}`;

test('a SIGUSR1 in the first moments of a run opens no door to others, ends nothing, and reaches the script', async ({
  alice,
  bob,
}) => {
  const job = await alice.submit({
    script: `#!/bin/bash\ntrap 'echo signal' USR1\necho begin\n${waitFor('finish')}\necho end\n`,
    comment: 'checkpoint=0:06',
  });
  await alice.write('striker.pl', STRIKER);
  await bob.write('intruder.pl', INTRUDER);
  // From the first restored run on: a script that has not come to its trap is ended by a signal, with us or without.
  await job.says('Dump done');
  const stop = alice.path('finish');
  const striking = WORKERS.map(async (node) =>
    alice.tryOn(node, 'timeout', '500', 'perl', alice.path('striker.pl'), job.name, stop),
  );
  const intruding = WORKERS.map(async (node) =>
    bob.tryOn(node, 'timeout', '500', 'perl', bob.path('intruder.pl'), stop),
  );
  await job.restored(5);
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  expect((await Promise.all(intruding)).map(({ stdout }) => stdout).join('')).not.toContain('IN');
  const strikes = (await Promise.all(striking)).flatMap(({ stdout }) => stdout.split('\n'));
  const caught = strikes.filter((strike) => strike.startsWith('caught')).length;
  expect(caught).toBeGreaterThanOrEqual(1);
  const said = (await job.ownOutput()).trimEnd().split('\n');
  expect([said[0], said.at(-1)]).toEqual(['begin', 'end']);
  expect(said.filter((line) => line === 'signal').length).toBeGreaterThanOrEqual(caught);
});
