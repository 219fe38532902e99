// Sites that are unlike the others: one whose own hooks give each job a TMPDIR, that saves one job at a time on a node, and
// allows each user little; and one whose checkpoint.ini is wrong.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { outside, own } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted, type SubmittedJob } from './job.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';

const ON_TMPDIR = ['--partition=tmpdir'];
const NODES = ['n5', 'n6'];

/** How often the site's Epilog found the job's folder, and removed it; and where it still is. */
function siteOn(job: SubmittedJob): { removed: number; left: string[] } {
  const files = NODES.map((node) => path.join(own(node), 'log/site-removed')).filter((file) => existsSync(file));
  const removed = files.flatMap((file) => readFileSync(file, 'utf8').split('\n')).filter((id) => id === `${job.id}`);
  return {
    removed: removed.length,
    left: NODES.filter((node) => existsSync(path.join(own(node), 'local', `${job.id}`))),
  };
}

scenario('a TMPDIR that the site makes moves with the job, and is left to the site', async (place) => {
  const script = `echo $TMPDIR; exec 3>> $TMPDIR/written; for i in $(seq 24); do echo line $i; echo line $i >&3; sleep 0.5; done`;
  const comment = `checkpoint=0:04 results=${place.path('results')}`;
  const job = await place.submit(script, { comment, sbatch: ON_TMPDIR });
  const { state, restarts } = await job.over();
  expect(state).toBe('COMPLETED');
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual([`/local/${job.id}`, ...counted(24)]);
  expect(place.lines('results/written')).toEqual(counted(24));
  expect(siteOn(job)).toEqual({ removed: restarts + 1, left: [] });
});

scenario('a job that has to be killed delivers from the TMPDIR that the site made', async (place) => {
  const script = `trap '' TERM\necho precious > $TMPDIR/result\necho ready\nwhile :; do sleep 0.2; done`;
  const job = await place.submit(script, { comment: `results=${place.path('results')}`, sbatch: ON_TMPDIR });
  await job.until('is ready', () => job.lines().includes('ready'));
  await exec('ctl', ['scancel', String(job.id)]);
  expect(await job.over()).toMatchObject({ state: 'CANCELLED', restarts: 0 });
  expect(place.lines('results/result')).toEqual(['precious']);
  expect(siteOn(job)).toEqual({ removed: 1, left: [] });
});

scenario('a TMPDIR that is everybody’s costs the job only its checkpoints', async (place) => {
  const sbatch = [...ON_TMPDIR, '--job-name=forgotten'];
  const comment = `checkpoint=0:04,results=${place.path('results')}`;
  const job = await place.submit('echo $TMPDIR; ./count 16 5', { comment, sbatch });
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 0 });
  expect(job.lines()).toEqual(['/tmp', ...counted(16)]);
  expect(job.said()).toEqual([
    expect.stringMatching(
      /^No private TMPDIR .*TMPDIR is "\/tmp", which belongs to somebody else; expected .* without .* nothing is copied to .*\/results; /,
    ),
  ]);
});

scenario('a job whose TMPDIR is at another path on its next node is held, and both paths are named', async (place) => {
  const sbatch = [...ON_TMPDIR, '--job-name=by-node'];
  const job = await place.submit('./count 20 5', { comment: 'checkpoint=0:05', sbatch });
  const { node } = await job.until('runs', ({ state }) => state === 'RUNNING');
  await job.held();
  const [there, here] = [node, NODES.find((name) => name !== node)].map((name) => `"/local/${job.id}/${name}"`);
  expect(job.said().at(-1)).toContain(`not restored: its TMPDIR was ${there}, and here it is ${here}. The job is`);
  await exec('ctl', ['scancel', String(job.id)]);
});

scenario('a user who has all that the site allows each is told so, and saved once there is room', async (place) => {
  const other = place.path('.checkpointer-alice/other');
  await asAlice('ctl', 'mkdir', '-p', other);
  await asAlice('ctl', 'fallocate', '--length=1100M', `${other}/images`);
  const job = await place.submit('./count 60 5', { comment: 'checkpoint=0:04', sbatch: ON_TMPDIR });
  const taken =
    'it takes \\d+ MiB or more, and of the 1\\.0 GiB that this site allows each user .* 1\\.1 GiB are taken';
  await job.says(new RegExp(`^No checkpoint: ${taken}`));
  await asAlice('ctl', 'rm', '-r', other);
  await job.says(/^Dump done/);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(counted(60));
});

/** Serves /dev/log, in a /dev of the node's own (the other one is the machine's), until both of ours have come. */
const SYSLOG = `
mkdir -p /run/dev && mount --bind /dev /run/dev && mount -t tmpfs tmpfs /dev && mkdir /dev/pts /dev/shm
cp -a /run/dev/null /run/dev/zero /run/dev/full /run/dev/random /run/dev/urandom /run/dev/tty /run/dev/fuse /dev
exec perl -e 'use Socket; my ($log, $line); socket $log, AF_UNIX, SOCK_DGRAM, 0; bind $log, sockaddr_un("/dev/log") or die $!;
chmod 0666, "/dev/log"; alarm 50; until ($all =~ /The agent stopped/ && $all =~ /runs without/) { recv $log, $line, 9999, 0; $all .= "$line\\n" } print $all'`;

scenario('a broken checkpoint.ini costs a job only its checkpoints, and is named in syslog', async (place) => {
  const heard = exec('n7', ['sh', '-c', SYSLOG]);
  await exec('n7', ['sh', '-c', 'until [ -S /dev/log ]; do sleep 0.1; done']);
  const job = await place.submit('./count 12 5', { comment: 'checkpoint=0:03', sbatch: ['--partition=broken'] });
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0', restarts: 0 });
  expect(job.lines()).toEqual(counted(12));
  const complaint = /configuration is wrong \(\/etc\/slurm-checkpointer\/checkpoint\.ini: .*shortest-interval: "soon"/;
  expect(job.said()).toEqual([expect.stringMatching(complaint)]);
  const { stdout } = await heard;
  expect(stdout).toMatch(complaint);
  expect(stdout).toContain(`slurm-checkpointer: job ${job.id}: `);
  expect(stdout).toMatch(/The agent stopped \(.*shortest-interval: "soon".*\)\. The job runs on without checkpoints/);
});

/** Another job of the node that is being saved for as long as this command runs: what its agent would leave there. */
const WRITER = `
mkdir -p $1 && ln -s $$-$(cut -d ' ' -f 22 /proc/$$/stat) $1/writing && trap 'rm -r $1' EXIT
until [ -e $2 ]; do sleep 0.2; done`;

scenario('a job runs on while its node saves another, but not longer than half an interval', async (place) => {
  const script = `until [ $SECONDS -ge 34 ]; do echo after $SECONDS s; sleep 0.2; done`;
  const job = await place.submit(script, { comment: 'checkpoint=0:20', sbatch: ON_TMPDIR });
  const { node } = await job.until('runs', ({ state }) => state === 'RUNNING');
  const other = [`/run/slurm-checkpointer/other-${job.id}`, `/run/saved-${job.id}`] as const;
  const saved = exec(node, ['bash', '-c', WRITER, 'writer', ...other]);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  await exec(node, ['touch', other[1]]);
  expect(await saved).toMatchObject({ status: 0 });
  expect(job.moves()).toBe(1);
  const [before = ''] = readFileSync(outside(job.outputFile), 'utf8').split(/^.*Dumping/m);
  expect(Number(before.match(/\d+(?= s\n)/g)?.at(-1))).toBeGreaterThanOrEqual(25);
});
