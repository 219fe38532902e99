import { expect } from 'vitest';

import { on } from '../../helpers/cluster.ts';
import type { Job } from '../../helpers/job.ts';
import { completed } from '../../helpers/moved.ts';
import { PEER } from '../../helpers/peer.ts';
import { until } from '../../helpers/queue.ts';
import { numbers, waitFor } from '../../helpers/scripts.ts';
import { test } from '../../helpers/test.ts';

const NODE = 'n1';

/** What a job's agent takes, now and at most so far (proc_pid_status(5)). */
async function memoryOfAgent(job: Job): Promise<{ pid: number; now: number; most: number }> {
  const find = `for environ in $(grep -lzx SLURM_JOB_ID=${job.name} /proc/[0-9]*/environ 2>/dev/null); do
  process=\${environ%/environ}
  if tr '\\0' ' ' < $process/cmdline | grep -q /lib/agent.js; then echo "Pid \${process#/proc/}"; grep -E '^Vm(RSS|HWM)' $process/status; fi
done`;
  const text = await on(NODE, 'bash', '-c', find);
  const number = (name: string): number =>
    Number(new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text)?.[1]);
  return { pid: number('Pid'), now: number('VmRSS'), most: number('VmHWM') };
}

/** Kibibytes that an agent may take beyond what it takes at rest, whatever is done to it: less than its heap's limit. */
const MOST_MORE = 64 * 1024;

/** Each second connection to a job's agent is the attacker's: lines without an end, requests whose answers nobody reads, and crowds. */
const FLOOD = `use strict; use Socket; $SIG{PIPE} = 'IGNORE';
sub peer { socket my $peer, AF_UNIX, SOCK_STREAM, 0; connect $peer, pack_sockaddr_un("/run/slurm-checkpointer/$ENV{SLURM_JOB_ID}/agent.sock") or return; $peer }
until (-e 'enough') {
  if (my $peer = peer) { for (1 .. 256) { syswrite $peer, 'x' x 65536 or last } }
  if (my $peer = peer) { for (1 .. 64) { syswrite $peer, qq({"kind":"end-tree"}\\n) x 3000 or last } }
  if (my $peer = peer) { for (1 .. 2000) { syswrite $peer, qq({"kind":"hello","supervisor":$$}\\n) or last; } }
  my @crowd = grep { $_ } map { peer } 1 .. 50;
  select undef, undef, undef, 0.02;
}
print "flooded\\n";
`;

test("a flooded agent's memory is bounded, its own job goes on, and other jobs of the node are checkpointed meanwhile", async ({
  alice,
  bob,
}) => {
  await alice.write('flood.pl', FLOOD);
  const job = await alice.submit({
    script: `#!/bin/bash\necho begin\n${waitFor('go')}\nperl flood.pl\n${waitFor('finish')}\necho end\n`,
    comment: 'checkpoint=1:00:00',
    options: [`--nodelist=${NODE}`],
  });
  await job.says('begin');
  const before = await memoryOfAgent(job);
  await alice.touch('go');
  const other = await bob.submit({
    script: `#!/bin/bash\nfor i in {1..12}; do echo $i; sleep 1; done\n${waitFor('finish')}\n`,
    comment: 'checkpoint=0:05,mode=snapshot',
    options: [`--nodelist=${NODE}`],
  });
  await other.says(/(?:Dump done[^]*){2}/);
  const plain = await bob.submit({ script: '#!/bin/bash\n', options: [`--nodelist=${NODE}`] });
  expect(await plain.ended()).toMatchObject(completed);
  await bob.touch('finish');
  expect(await other.ended()).toMatchObject(completed);
  expect(await other.ownOutput()).toBe(numbers(12));
  const after = await memoryOfAgent(job);
  await alice.touch('enough');
  await job.says('flooded');
  expect(after.pid).toBe(before.pid);
  expect(after.most - before.now).toBeLessThan(MOST_MORE);
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  expect(await job.ownOutput()).toBe('begin\nflooded\nend\n');
});

test("an agent that is flooded in its supervisor's place takes its leave, and the job runs on", async ({
  alice,
}) => {
  await alice.write('peer.pl', PEER);
  await alice.write('requests', '{"kind":"end-tree"}\n'.repeat(200_000));
  const job = await alice.submit({
    script: `#!/bin/bash\nAT_ONCE=1 perl peer.pl requests\n${waitFor('finish')}\necho end\n`,
    comment: 'checkpoint=1:00:00',
    options: [`--nodelist=${NODE}`],
  });
  await job.says('sent a part');
  await job.says('The agent of this job has ended: the job runs on without checkpoints');
  await until(async () => Number.isNaN((await memoryOfAgent(job)).pid));
  await alice.touch('finish');
  expect(await job.ended()).toMatchObject(completed);
  expect(await job.ownOutput()).toBe('sent a part\nend\n');
});
