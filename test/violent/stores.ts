// The store is full, read-only, slow or away, and comes back: a small file system of its own, on the network disk.
import path from 'node:path';
import { expect } from 'vitest';
import { scenario } from './scenario.ts';
import { smallStore } from './small-store.ts';
import { Witness, type Options } from './witness.ts';

const WORK: Options = { work: { steps: 160 } };

for (const { what, begins, size, ends, says } of [
  { what: 'full', begins: undefined, size: '8m', ends: 'size=300m', says: /^No checkpoint: / },
  {
    what: 'read-only',
    begins: 'ro',
    size: '300m',
    ends: 'rw',
    says: /^The job could not be entered among those that are saved \(E/,
  },
]) {
  scenario(`a job whose store is ${what} runs on, and is saved when it no longer is`, async (place) => {
    await using small = await smallStore(place, size);
    if (begins !== undefined) await small.remount(begins);
    const witness = await Witness.start(place, 'witness', { ...WORK, store: small.store });
    await witness.job.says(says);
    await small.remount(ends);
    const { record } = await witness.comesOutRight();
    expect(record.restarts).toBeGreaterThan(0);
  });
}

scenario('a job whose store is full as it begins runs on, and is saved when it no longer is', async (place) => {
  await using small = await smallStore(place, '300m');
  await small.isFilled();
  const witness = await Witness.start(place, 'witness', { work: { steps: 240 }, store: small.store });
  await witness.job.says(/^The job could not be entered .*(no space left|i\/o error)/);
  await small.isEmptied();
  await witness.job.says(/^The job is entered among those that are saved/);
  const { record } = await witness.comesOutRight();
  expect(record.restarts).toBeGreaterThan(0);
});

scenario('a job whose store fills up once it has a checkpoint there keeps that one, and runs on', async (place) => {
  await using small = await smallStore(place, '300m');
  const witness = await Witness.start(place, 'witness', { ...WORK, store: small.store });
  await witness.job.says(/restore finished/);
  await small.remount('size=50m');
  await witness.job.says(/^No checkpoint: (no space left|it takes .* are free where)/);
  expect(witness.checkpoints()).not.toEqual([]);
  await witness.comesOutRight();
});

scenario('a job whose store goes and comes back while it runs loses nothing', async (place) => {
  await using small = await smallStore(place, '300m');
  const witness = await Witness.start(place, 'witness', { ...WORK, store: small.store });
  await witness.isAtStep(2);
  await small.goes();
  await witness.job.says(/^No checkpoint: /);
  await small.comesBack();
  await witness.job.says(/restore finished/);
  await witness.comesOutRight();
});

scenario(
  'a job whose store is not there when it is to go on from it is held, and does not begin again',
  async (place) => {
    await using small = await smallStore(place, '300m');
    const witness = await Witness.start(place, 'witness', { ...WORK, store: small.store });
    await witness.job.says(/^Requeueing/);
    await witness.job.until('is to run again', (now) => now.state === 'PENDING');
    await small.goes();
    const { holds } = await witness.comesOutRight({ mend: small.comesBack });
    expect(holds).toHaveLength(1);
  },
);

scenario(
  'a job whose number another one has had by the time that its store can be written to, is not saved',
  async (place) => {
    await using small = await smallStore(place, '300m');
    await small.remount('ro');
    const witness = await Witness.start(place, 'witness', { work: { steps: 160 }, store: small.store });
    await witness.job.says(/^The job could not be entered among those that are saved \(E/);
    await small.remount('rw');
    {
      await using _claim = await small.hasClaim(path.relative(small.store.outside, witness.store));
      await witness.job.says(
        /^The job cannot be entered among those that are saved \(.*\)\. This run of it goes without/,
      );
    }
    await witness.comesOutRight();
  },
);
