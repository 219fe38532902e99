// A look before the dump: what would fail or be lost is named at once, what can be saved is not in the way.
import { expect } from 'vitest';
import { COMPUTE_NODES } from '../cluster/layout.ts';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';

scenario('System V objects, which CRIU would lose without a word, are named all at once', async (place) => {
  const job = await place.submit('./sysv-objects.pl 16', { comment: 'checkpoint=0:03' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', restarts: 0 });
  expect(job.lines()).toEqual(counted(16));
  expect(job.said()).toEqual([
    expect.stringMatching(/^Dumping checkpoint/),
    expect.stringMatching(
      /^No checkpoint: there is a set of System V semaphores \(id \d+\).* \(ipcrm -s .*; there is a System V message queue/,
    ),
  ]);
});

scenario("another job's System V objects are not in the way", async (place) => {
  const other = await place.submit('./sysv-objects.pl 60');
  const { node } = await other.until('runs', ({ state }) => state === 'RUNNING');
  const rest = COMPUTE_NODES.filter((name) => name !== node).join(',');
  const job = await place.submit('./count 20 0', { comment: 'checkpoint=0:05', sbatch: [`--exclude=${rest}`] });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.said().join('\n')).toMatch(/restore finished/); // on the same node, if it is early
  expect(job.lines()).toEqual(counted(20));
  expect(await other.over()).toMatchObject({ state: 'COMPLETED', restarts: 0 });
});

scenario('a connection to another machine is named', async (place) => {
  const script = 'exec 3<> /dev/tcp/ctl/6817; ./count 16 3';
  const job = await place.submit(script, { comment: 'checkpoint=0:03' });
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '3:0', restarts: 0 });
  expect(job.lines()).toEqual(counted(16));
  expect(job.said()[1]).toMatch(
    /^No checkpoint: process \d+ \(.+\) has a TCP connection to [\d.]+:6817 \(close .* The job/,
  );
});

scenario('a daemon whose session has lost its leader moves along, again and again', async (place) => {
  const daemon = 'for i in $(seq 36); do echo line $i >> $TMPDIR/daemon; sleep 0.5; done';
  const script = `setsid bash -c '(${daemon}) < /dev/null > /dev/null 2>&1 &'\nwhile ! grep -qs 'line 36' $TMPDIR/daemon; do sleep 0.5; done`;
  const job = await place.submit(script, { comment: `checkpoint=0:05 results=${place.path('results')}` });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(place.lines('results/daemon')).toEqual(counted(36));
});

scenario('a program that watches a folder goes on watching it', async (place) => {
  const job = await place.submit('./watcher.pl 24', { comment: 'checkpoint=0:05' });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual(counted(24));
});

scenario('an open file that was removed, but has another name, is the same file afterwards', async (place) => {
  const script = `exec 3> $TMPDIR/removed; ln $TMPDIR/removed $TMPDIR/kept; rm $TMPDIR/removed
for i in $(seq 24); do echo line $i >&3; sleep 0.5; done; ls $TMPDIR`;
  const job = await place.submit(script, { comment: `checkpoint=0:05 results=${place.path('results')}` });
  expect(await job.over()).toMatchObject({ state: 'COMPLETED' });
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual(['kept']);
  expect(place.lines('results/kept')).toEqual(counted(24));
});
