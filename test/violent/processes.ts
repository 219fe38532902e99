// kill -9 of whatever works for a job, at the moments at which it hurts.
import { expect } from 'vitest';
import { at } from './blows.ts';
import { scenario } from './scenario.ts';
import { kill, type Sighted } from './strike.ts';
import { Witness } from './witness.ts';

type Blow = {
  readonly claim: string;
  /** Stopped, and killed unless somebody else is. */
  readonly at: Sighted;
  readonly kills?: 'agent' | 'supervisor';
  /** One of our lines in the job's output. */
  readonly says?: RegExp;
};

/** By how far it has come with the processes after that. */
const NO_CHECKPOINT_OR_HARMED = /^(No checkpoint: |CRIU was killed as it saved the job, and may have harmed)/;

const DUMPS: readonly Blow[] = [
  { claim: 'criu is killed as it begins to dump', at: 'criu that begins to dump', says: /^No checkpoint: / },
  {
    claim: 'criu is killed while its code is in the tree',
    at: 'criu that has a part of its code in the tree',
    says: NO_CHECKPOINT_OR_HARMED,
  },
  {
    claim: 'criu is killed while it writes the memory',
    at: 'criu that writes the memory',
    says: NO_CHECKPOINT_OR_HARMED,
  },
  { claim: 'criu is killed when it has dumped', at: 'criu that has dumped' },
  { claim: 'rsync is killed while it copies TMPDIR', at: 'rsync that copies TMPDIR' },
  {
    claim: 'rsync is killed while it copies what changed in TMPDIR',
    at: 'rsync that copies what changed',
    says: /^No checkpoint: TMPDIR could not be saved/,
  },
  {
    claim: 'the agent is killed as criu begins to dump',
    at: 'criu that begins to dump',
    kills: 'agent',
    says: /^No checkpoint: the agent on this node has gone/,
  },
  { claim: 'the agent is killed when criu has dumped', at: 'criu that has dumped', kills: 'agent' },
  { claim: 'the supervisor is killed as criu begins to dump', at: 'criu that begins to dump', kills: 'supervisor' },
  { claim: 'the supervisor is killed when criu has dumped', at: 'criu that has dumped', kills: 'supervisor' },
];

const RESTORES: readonly Blow[] = [
  { claim: 'criu is killed as it begins to restore', at: 'criu that begins to restore' },
  { claim: 'criu is killed when it has restored all but the last step', at: 'criu that has restored' },
  { claim: 'rsync is killed while it lays TMPDIR back', at: 'rsync that lays TMPDIR back' },
  { claim: 'the agent is killed as criu begins to restore', at: 'criu that begins to restore', kills: 'agent' },
  { claim: 'the agent is killed when criu has restored', at: 'criu that has restored', kills: 'agent' },
  {
    claim: 'the supervisor is killed as criu begins to restore',
    at: 'criu that begins to restore',
    kills: 'supervisor',
  },
  {
    claim: 'the supervisor is killed while TMPDIR is laid back',
    at: 'rsync that lays TMPDIR back',
    kills: 'supervisor',
  },
];

const strikes = async (witness: Witness, { at: moment, kills }: Pick<Blow, 'at' | 'kills'>): Promise<void> =>
  at(moment, witness, (killIt) => {
    if (kills === undefined) killIt();
    else expect(kill(witness.job.id, kills)).toBe(true);
  });

for (const blow of [...DUMPS, ...RESTORES]) {
  scenario(`nothing is lost when ${blow.claim}`, async (place) => {
    const witness = await Witness.start(place, 'witness');
    await witness.job.says(/^Requeueing/);
    await strikes(witness, blow);
    await witness.comesOutRight();
    if (blow.says) expect(witness.job.said()).toContainEqual(expect.stringMatching(blow.says));
  });
}

scenario('nothing is lost when the supervisor is killed while the tree runs', async (place) => {
  const witness = await Witness.start(place, 'witness');
  await witness.job.says(/restore finished/);
  expect(kill(witness.job.id, 'supervisor')).toBe(true);
  await witness.comesOutRight();
});

scenario('a job that comes to its end as criu begins to dump it has ended as it would have', async (place) => {
  const witness = await Witness.start(place, 'witness');
  await witness.job.says(/restore finished/);
  let before: number | undefined;
  await at('criu that has not stopped the tree yet', witness, async () => {
    before = witness.job.said().length;
    await witness.ends();
  });
  await witness.comesOutRight();
  expect(witness.job.said().slice(before).join('\n')).not.toMatch(/harmed|restore finished/);
});

scenario(
  'no job is wrong whose processes are harmed as criu is killed, be it at its first checkpoint',
  async (place) => {
    const comment = 'checkpoint=0:03,mode=snapshot';
    const witnesses = await Promise.all(
      Array.from({ length: 10 }, async (_, each) => Witness.start(place, `${each}`, { comment, work: { steps: 60 } })),
    );
    const moment = 'criu that makes the processes of the tree call';
    await Promise.all(witnesses.map(async (witness) => at(moment, witness, (killIt) => killIt())));
    await Promise.all(witnesses.map(async (witness) => witness.comesOutRight()));
    const said = witnesses.flatMap(({ job }) => job.said());
    expect(said).toContainEqual(expect.stringMatching(/^CRIU was killed as it saved the job, and may have harmed/));
  },
);

scenario('nothing is lost when the criu that stays with a restored tree is killed', async (place) => {
  const witness = await Witness.start(place, 'witness');
  await witness.job.says(/restore finished/);
  expect(kill(witness.job.id, 'criu that stays with its tree')).toBe(true);
  await witness.comesOutRight();
});

scenario('results are kept where rsync was killed while it delivered them', async (place) => {
  const witness = await Witness.start(place, 'witness', {
    comment: 'checkpoint=1-0',
    work: { steps: 8, megabytes: 64 },
  });
  await strikes(witness, { at: 'rsync that delivers' });
  const kept = await witness.job.says(/^Results could not be copied to .* kept in /);
  expect(await witness.keptIn(kept.replace(/.* kept in /, ''))).toEqual([]);
});

scenario('results arrive all the same when the supervisor is killed while it delivers them', async (place) => {
  const witness = await Witness.start(place, 'witness', {
    comment: 'checkpoint=1-0',
    work: { steps: 8, megabytes: 64 },
  });
  await strikes(witness, { at: 'rsync that delivers', kills: 'supervisor' });
  await witness.comesOutRight({ exitCode: '0:9' }); // Slurm's word on the one that it watched, and nobody can take it back
});
