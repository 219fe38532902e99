// Whoever else has an account on a node can't harm a job through the hooks that run as its user.
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { as, exec } from '../cluster/node.ts';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';

/** bob's: sockets as of slurmstepds of the job in many folders, each with something else where the script would be. */
const TRAPS = `
use Socket; my ($folder, $job, $file) = @ARGV; my $spool = sprintf 'job%05d', $job;
mkdir $folder;
for my $n (1 .. 40) {
  my $here = "$folder/$n"; mkdir $here; mkdir "$here/other";
  symlink $file, "$here/other/slurm_script";
  if ($n % 4 == 0) { symlink "$here/other", "$here/$spool" }
  elsif ($n % 4 == 1) { mkdir "$here/$spool"; symlink $file, "$here/$spool/slurm_script" }
  elsif ($n % 4 == 2) { mkdir "$here/$spool"; system 'mkfifo', '-m', '666', "$here/$spool/slurm_script" }
  else { symlink $file =~ s,/[^/]*$,,r, "$here/$spool" }
  socket my $socket, AF_UNIX, SOCK_STREAM, 0; bind $socket, sockaddr_un("$here/n_$job.4294967291") or die "bind: $!"; push @open, $socket
}
exit 0 if fork; open $_, '>', '/dev/null' for *STDOUT, *STDERR; sleep 1 while -e $folder`;

/** Where the job may run. */
const NODES = ['n1', 'n2', 'n3', 'n4'];

scenario('sockets and links of somebody else for the next job of a user cost that user nothing', async (place) => {
  const script = './count 16 5';
  const job = await place.submit(script, { comment: 'checkpoint=0:04', sbatch: ['--hold'] });
  const precious = place.path('slurm_script'); // what a link to the folder alone would lead to
  writeFileSync(outside(precious), 'precious\n', { mode: 0o755 });
  await exec('ctl', ['chown', 'alice:', precious]);
  const folder = `/tmp/traps-${job.id}`; // a socket's path has at most 107 bytes
  for (const node of NODES) {
    const trap = [...as('bob'), 'perl', '-e', TRAPS, folder, String(job.id), precious];
    expect(await exec(node, trap)).toMatchObject({ status: 0 });
  }
  await exec('ctl', ['scontrol', 'release', String(job.id)]);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  for (const node of NODES) await exec(node, ['rm', '-r', folder]);
  expect(place.lines('slurm_script')).toEqual(['precious']);
  expect(job.lines()).toEqual(counted(16));
  expect(job.moves()).toBeGreaterThanOrEqual(1);
});
