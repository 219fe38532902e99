import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '../../../lib/config.ts';
import { siteStore } from '../../../lib/store/address.ts';
import { openStore } from '../../../lib/store/store.ts';
import { asked } from '../../../lib/supervisor/asked.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync('/tmp/asked-test-');
});
afterEach(() => rmSync(home, { recursive: true }));

const SITE = parseConfig('[checkpoint]\nmode = snapshot').checkpoint;
const job = (restarts: number) => ({ id: 7, user: 'alice', cluster: 'c', workDirectory: home, restarts });
const options = async (restarts: number, comment: string) => {
  const sources = { comment, environment: {}, script: {} };
  return (await asked({ sources, checkpoint: SITE, job: job(restarts), say: () => {} })).options;
};

async function save(wishes: object): Promise<void> {
  const store = openStore(await siteStore(SITE.directory, job(0)));
  await using draft = await store.draft(0);
  const facts = { job: 7, cluster: 'c', node: 'n1', script: 11, seconds: 1, outputs: [] };
  const continuation = { rootPid: 10, highestPid: 12, uptimeSeconds: 1 };
  await draft.commit({ ...facts, continuation, options: { keep: 1, mode: 'requeue' } }, () => {});
  const file = path.join(store.folder, '1/manifest.json');
  writeFileSync(
    file,
    JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version: 1, options: { keep: 1, ...wishes } }),
  );
  rmSync(path.join(store.folder, '1/manifest.sha256'));
}

test('who asks for no mode has the site’s', async () => {
  expect(await options(0, 'checkpoint')).toMatchObject({ mode: 'snapshot', auto: false });
  expect(await options(0, 'checkpoint mode=requeue')).toMatchObject({ mode: 'requeue' });
});

test('a job that was saved stays in its mode whatever the site’s is by now, until it asks for another', async () => {
  await save({ intervalSeconds: 600 }); // before there were modes
  expect(await options(1, '')).toEqual({ keep: 1, mode: 'requeue', intervalSeconds: 600 });
  expect(await options(1, 'checkpoint')).toMatchObject({ mode: 'requeue' });
  expect(await options(1, 'checkpoint mode=snapshot')).toMatchObject({ mode: 'snapshot' });
});

test('a job that asks for a time by now no longer has an automatic interval', async () => {
  await save({ mode: 'requeue', intervalSeconds: 14_400, auto: true });
  expect(await options(1, '')).toMatchObject({ intervalSeconds: 14_400, auto: true });
  expect(await options(1, 'checkpoint=30')).toMatchObject({ intervalSeconds: 1800, auto: false });
});
