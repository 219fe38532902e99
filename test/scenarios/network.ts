// A network file system without hard links, to which root has no access, as with NFS's root_squash: everything there is done
// as the user, and a claim there is a file that nobody had made before (R1).
import { expect } from 'vitest';
import { exec } from '../cluster/node.ts';
import { counted } from './job.ts';
import { scenario } from './scenario.ts';
import { asAlice } from './slurm.ts';

scenario('open files, checkpoints and results may lie where root can’t go', async (place) => {
  const folder = `/net${place.folder}`;
  await asAlice('ctl', 'mkdir', '-p', `/srv${folder}/store`, `/srv${folder}/results`);
  const script = `cd ${folder}; exec 3>> written 4< /net${place.folder}/read; read -r first <&4; cp written $TMPDIR/result
for i in $(seq 24); do echo "line $i"; echo "line $i" >&3; sleep 0.5; done; read -r second <&4
echo "$first $second" >&3; cp written $TMPDIR/result; pwd`;
  await asAlice('ctl', 'sh', '-c', `printf 'one\\ntwo\\n' > /srv${folder}/read`);
  const env = { SLURM_CHECKPOINT: '0:04', SLURM_CHECKPOINT_DIR: `${folder}/store`, RESULT_FOLDER: `${folder}/results` };
  const job = await place.submit(script, { env });
  await job.says(/restore finished/);
  const { node } = await job.until('runs again', ({ state, restarts }) => state === 'RUNNING' && restarts > 0);
  expect((await exec(node, ['ls', '/net'])).stderr).toMatch(/Permission denied/);
  await expect(asAlice(node, 'ln', `${folder}/read`, `${folder}/linked`)).rejects.toThrow(/not permitted/);
  expect(await job.over()).toMatchObject({ state: 'COMPLETED', exitCode: '0:0' });
  expect(job.moves()).toBeGreaterThanOrEqual(1);
  expect(job.lines()).toEqual([...counted(24), folder]);
  const result = await asAlice('ctl', 'cat', `/srv${folder}/results/result`);
  expect(result.split('\n')).toEqual([...counted(24), 'one two']);
  const left = await asAlice('ctl', 'ls', '-A', `/srv${folder}/store/.checkpointer-alice/sandbox-${job.id}`);
  expect(left).toMatch(/^ended\nrun\.\d+\.released$/);
});
