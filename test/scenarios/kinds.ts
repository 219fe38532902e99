// Jobs of every kind.
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { exec } from '../cluster/node.ts';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';

const comment = 'checkpoint=0:04';
const moved = { state: 'COMPLETED', exitCode: '0:0' };

scenario('a job given by --wrap moves', async (place) => {
  const job = await place.submit('', { comment, sbatch: ['--wrap', './count 20 0; echo "done: $(id -un)"'] });
  expect(await job.over()).toMatchObject(moved);
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual([...counted(20), 'done: alice']);
});

scenario('a script in Python moves, with its arguments', async (place) => {
  const file = `#!/usr/bin/env python3
import sys, time
for i in range(20): time.sleep(0.5); print('line', i + 1, flush=True)
print(sys.argv[1:])
`;
  const job = await place.submit('', { comment, file, args: ['a b', '$(id)', "'", ''] });
  expect(await job.over()).toMatchObject(moved);
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual([...counted(20), `['a b', '$(id)', "'", '']`]);
});

scenario('a script of a megabyte moves', async (place) => {
  const text = '# a line that says nothing, and is read by bash bit by bit\n'.repeat(18_000);
  const job = await place.submit(`./count 12 0\n${text}./count 12 0`, { comment });
  expect(await job.over()).toMatchObject(moved);
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual([...counted(12), ...counted(12)]);
});

scenario('names with blanks, quotes and $(…) are only names', async (place) => {
  const folder = place.makeFolder(`a 'b' "c" $(touch hacked)`);
  const sbatch = [`--job-name=x '$(touch hacked)' "y"`, `--chdir=${folder}`];
  const env = { RESULT_FOLDER: folder };
  const script = `${place.path('count')} 20 0; echo precious > "$TMPDIR/it's \\$(here)"`;
  const job = await place.submit(script, { env, sbatch, comment: `${comment}, 'quoted "$(touch hacked)"` });
  expect(await job.over()).toMatchObject(moved);
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual(counted(20));
  expect(place.lines(`a 'b' "c" $(touch hacked)/it's $(here)`)).toEqual(['precious']);
  for (const name of ['', `a 'b' "c" $(touch hacked)/`]) {
    expect(existsSync(outside(place.path(`${name}hacked`)))).toBe(false);
  }
});

scenario('a TMPDIR of 2,000 files, and one with holes, is the same after each move', async (place) => {
  const script = `cd $TMPDIR && mkdir many && for i in $(seq 2000); do echo $i > many/$i; done
truncate -s 128M sparse && echo end >> sparse && ln many/1 hard && ln -s nowhere soft && mkfifo pipe && chmod 640 many/2
sums() { find . -type f -not -name sparse -exec md5sum {} + | sort -k 2 | md5sum; stat -c '%n %a %h %F %Y' hard soft pipe many/2; tail -c 4 sparse; }
sums > $OLDPWD/before; $OLDPWD/count 48 0; sums > $OLDPWD/after
[ $(du -k sparse | cut -f 1) -lt 1000 ] && echo sparse`;
  const job = await place.submit(script, { comment });
  expect(await job.over()).toMatchObject(moved);
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(job.lines()).toEqual([...counted(48), 'sparse']);
  expect(place.lines('after')).toEqual(place.lines('before'));
});

scenario('a file in TMPDIR that is written through a mapping loses nothing', async (place) => {
  const job = await place.submit('./mapped.pl 240', { comment });
  expect(await job.over()).toMatchObject(moved);
  expect(job.moves()).toBeGreaterThanOrEqual(2);
  expect(job.lines()).toEqual(counted(240));
});

scenario('output that Slurm empties at every requeue is whole in the end', async (place) => {
  const sbatch = ['--open-mode=truncate', `--error=${place.path('errors')}`];
  const script = 'echo begun >&2; ./count 34 0; echo ended >&2';
  const job = await place.submit(script, { comment, sbatch });
  expect(await job.over()).toMatchObject(moved);
  expect(job.moves()).toBeGreaterThanOrEqual(1); // the lines of the requeues went with what Slurm threw away
  expect(job.lines()).toEqual(counted(34));
  expect(place.lines('errors').filter((line) => !line.startsWith('slurmstepd'))).toEqual(['begun', 'ended']);
});

scenario(
  'output named for its node, which Slurm empties whenever the job comes back to it, is whole',
  async (place) => {
    const sbatch = ['--partition=tmpdir', '--open-mode=truncate', `--output=${place.path('out.%N')}`];
    const job = await place.submit('./count 44 0', { comment, sbatch });
    expect(await job.over()).toMatchObject(moved);
    expect(job.record()?.restarts).toBeGreaterThanOrEqual(2); // back on the node of the first run
    const lines = ['n5', 'n6'].flatMap((node) => place.lines(`out.${node}`)).filter((line) => line.startsWith('line '));
    expect(lines).toEqual(counted(44));
  },
);

scenario('a job that removed its output file moves', async (place) => {
  const script = 'rm job-1.out; for i in $(seq 20); do echo "line $i" >> written; echo unseen; sleep 0.5; done';
  const job = await place.submit(script, { comment });
  expect(await job.over()).toMatchObject(moved);
  expect(job.record()?.restarts).toBeGreaterThanOrEqual(1);
  expect(place.lines('written')).toEqual(counted(20));
});

scenario('a job that is cancelled leaves no checkpoint', async (place) => {
  const job = await place.submit('./count 1000 0', { comment });
  await job.says(/restore finished/);
  await exec('ctl', ['scancel', String(job.id)]);
  expect(await job.over()).toMatchObject({ state: 'CANCELLED' });
  await job.until('has left nothing', () => place.leftInStore(job).length === 0);
});

scenario('--signal=B:USR1 reaches the trap after a restore', async (place) => {
  const script = `trap 'echo USR1; exit 5' USR1; echo begin; while :; do sleep 0.2; done`;
  const job = await place.submit(script, { comment, sbatch: ['--time=10', '--signal=B:USR1@60'] });
  await job.says(/restore finished/);
  await exec('ctl', ['scontrol', 'update', `JobId=${job.id}`, 'Comment=checkpoint=1-0']);
  const restores = (): number => job.said().filter((line) => /restore finished/.test(line)).length;
  const before = restores();
  await job.until('was restored once more', () => restores() > before);
  await exec('ctl', ['scontrol', 'update', `JobId=${job.id}`, 'TimeLimit=1']);
  expect(await job.over()).toMatchObject({ state: 'FAILED', exitCode: '5:0' });
  expect(job.lines()).toEqual(['begin', 'USR1']);
});
