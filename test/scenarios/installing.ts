// install.sh on a machine of the cluster that runs no jobs, into another prefix, and out again. The suite that the cluster
// runs stays as it is.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { outside } from '../cluster/layout.ts';
import { exec, type Answer } from '../cluster/node.ts';
import type { Place } from './place.ts';
import { scenario } from './scenario.ts';

const INSTALL = '/usr/src/slurm-checkpointer/install.sh';
const HOOKS = ['Prolog', 'TaskProlog', 'Epilog'];

/** In the root that all nodes share, where only root may write. */
async function withPrefix(name: string, story: (prefix: string) => Promise<void>): Promise<void> {
  const prefix = `/opt/${name}`;
  try {
    await story(prefix);
  } finally {
    await exec('ctl', ['rm', '-rf', prefix]);
  }
}

function slurmConf(place: Place, text: string): { path: string; lines: () => string[] } {
  const path = place.path('slurm.conf');
  writeFileSync(outside(path), text);
  return { path, lines: () => readFileSync(outside(path), 'utf8').split('\n') };
}

const install = async (...args: string[]): Promise<Answer> => exec('ctl', [INSTALL, ...args]);

scenario('installed twice, the hooks stand in slurm.conf once, and the suite is root’s', async (place) => {
  await withPrefix('installing-twice', async (prefix) => {
    const conf = slurmConf(place, 'ClusterName=other\nJobFileAppend=1\n');
    const wary = ['sh', '-c', 'umask 077; exec "$@"', 'wary', INSTALL, '--prefix', prefix, '--slurm-conf', conf.path];
    for (const _ of [1, 2]) expect(await exec('ctl', wary)).toEqual({ status: 0, stdout: '', stderr: '' });
    for (const key of [...HOOKS, 'JobFileAppend']) {
      expect(conf.lines().filter((line) => line.startsWith(`${key}=`))).toHaveLength(1);
    }
    const foreign = ['find', prefix, '!', '-user', '0', '-o', '!', '-type', 'l', '!', '-perm', '-o=r'];
    expect(await exec('ctl', foreign)).toMatchObject({ status: 0, stdout: '' });
  });
});

scenario('a suite is not removed while slurm.conf names it, and leaves nothing once it does not', async (place) => {
  await withPrefix('installing-removed', async (prefix) => {
    const conf = slurmConf(place, '');
    expect(await install('--prefix', prefix, '--slurm-conf', conf.path)).toMatchObject({ status: 0 });
    const refused = await install('--uninstall', '--prefix', prefix, '--slurm-conf', conf.path);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining(`Prolog=${prefix}/hooks/prolog`) });
    writeFileSync(outside(conf.path), '');
    expect(await install('--uninstall', '--prefix', prefix, '--slurm-conf', conf.path)).toMatchObject({ status: 0 });
    expect(await exec('ctl', ['test', '-e', prefix])).toMatchObject({ status: 1 });
  });
});

scenario('a prefix that a user can write to is refused', async (place) => {
  const answer = await install('--prefix', place.path('prefix'));
  expect(answer).toMatchObject({ status: 1, stderr: expect.stringContaining('not written by root alone') });
  expect(await exec('ctl', ['test', '-e', place.path('prefix')])).toMatchObject({ status: 1 });
});

scenario('a Prolog that slurm.conf has already is named, and nothing is installed', async (place) => {
  await withPrefix('installing-second', async (prefix) => {
    const conf = slurmConf(place, 'Prolog=/etc/slurm/ours\n');
    const answer = await install('--prefix', prefix, '--slurm-conf', conf.path);
    expect(answer).toMatchObject({ status: 1, stderr: expect.stringContaining('Prolog=/etc/slurm/ours') });
    expect(conf.lines()).toEqual(['Prolog=/etc/slurm/ours', '']);
    expect(await exec('ctl', ['test', '-e', prefix])).toMatchObject({ status: 1 });
  });
});

scenario('all that a node lacks is named at once, each with its package', async () => {
  const without = 'mount --bind /dev/null /usr/bin/tini && mount --bind /dev/null /usr/bin/rsync && exec "$@"';
  const answer = await exec('ctl', ['unshare', '--mount', 'sh', '-c', without, 'without', INSTALL, '--check']);
  expect(answer.status).toBe(1);
  expect(answer.stderr).toMatch(/rsync \(Debian, Ubuntu: rsync; [^]*\/usr\/bin\/tini \(Debian, Ubuntu: tini;/);
});

scenario('settings of slurm.conf with which no job can be saved or restored are named', async (place) => {
  await withPrefix('installing-warned', async (prefix) => {
    const unfit = 'ProctrackType=proctrack/linuxproc\nPrologFlags=Alloc,RunInJob\nSlurmdSpoolDir=/var/spool/%n\n';
    const answer = await install('--prefix', prefix, '--slurm-conf', slurmConf(place, unfit).path);
    expect(answer).toMatchObject({ status: 0 });
    for (const name of ['ProctrackType', 'PrologFlags', 'SlurmdSpoolDir'])
      expect(answer.stderr).toMatch(new RegExp(`^install\\.sh: warning: .*${name}`, 'm'));
  });
});

/** auth/slurm, as this cluster has it, needs JSON itself. */
const WITHOUT_JSON = `
plugins=$(dirname "$(find /usr/lib -name serializer_json.so)")
others=$(mktemp -d)
cp -a "$plugins/." "$others"
rm "$others/serializer_json.so"
mount --bind "$others" "$plugins"
export SLURM_CONF=$1
shift
status=0
"$@" || status=$?
umount "$plugins"
rm -r "$others"
exit $status`;

scenario('a Slurm that was built without JSON, and what that costs, is named', async (place) => {
  await withPrefix('installing-without-json', async (prefix) => {
    const munge =
      'ClusterName=other\nSlurmctldHost=ctl\nAuthType=auth/munge\nNodeName=n1\nPartitionName=main Nodes=n1\n';
    const { path } = slurmConf(place, munge);
    const args = ['--prefix', prefix, '--slurm-conf', path];
    const answer = await exec('ctl', ['unshare', '--mount', 'sh', '-ec', WITHOUT_JSON, 'sh', path, INSTALL, ...args]);
    expect(answer).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^install\.sh: warning: .*JSON.*by hand/),
    });
  });
});
