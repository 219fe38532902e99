import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  existsSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { objectionToMove, provideScratch, removeScratch, scratchOf } from '../../../lib/run/scratch.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'scratch-'));
const sites = (TMPDIR?: string) => scratchOf('TMPDIR', { id: 7, environment: TMPDIR === undefined ? {} : { TMPDIR } });

test('ours is made and removed, the site’s is neither', async () => {
  const ours = scratchOf(folder, { id: 7, environment: { TMPDIR: '/else' } });
  await provideScratch(ours);
  expect(statSync(path.join(folder, 'checkpoint-7')).mode & 0o777).toBe(0o700);
  await removeScratch(ours);
  expect(existsSync(path.join(folder, 'checkpoint-7'))).toBe(false);

  mkdirSync(path.join(folder, 'job'), { mode: 0o750 });
  writeFileSync(path.join(folder, 'job/file'), '');
  await provideScratch(sites(`${folder}/job/`));
  expect(sites(`${folder}/job/`).scratch).toBe(`${folder}/job`);
  await removeScratch(sites(`${folder}/job`));
  expect(existsSync(path.join(folder, 'job/file'))).toBe(true);
});

test.each([
  [undefined, 'TMPDIR is not set; expected'],
  ['job', 'TMPDIR is "job", which is not an absolute path; expected'],
  [`${folder}/nowhere`, 'which is not there'],
  [`${folder}/link`, 'which is not a folder'],
  [`${folder}/link/`, 'which is not a folder'],
  [`${folder}/open`, 'which others may write to'],
])('a TMPDIR of %s is not taken', async (value, complaint) => {
  for (const name of ['open', 'target']) mkdirSync(path.join(folder, name), { recursive: true });
  chmodSync(path.join(folder, 'open'), 0o770);
  if (!existsSync(path.join(folder, 'link'))) symlinkSync('target', path.join(folder, 'link'));
  await expect(provideScratch(sites(value))).rejects.toThrow(complaint);
});

test('only another path than the one that a manifest names is in the way', () => {
  expect(objectionToMove(undefined, '/b')).toBeUndefined();
  expect(objectionToMove('/b', '/b')).toBeUndefined();
  expect(objectionToMove('/a', '/b')).toBe('its TMPDIR was "/a", and here it is "/b"');
});

test('what lost runs of this node left goes with the next one; what other nodes made stays, and so do results', async () => {
  const fresh = mkdtempSync(path.join(tmpdir(), 'scratch-'));
  const made = { 900000001: hostname(), '900000002-images': hostname(), 900000003: 'elsewhere' };
  for (const [name, node] of Object.entries(made)) {
    mkdirSync(path.join(fresh, `checkpoint-${name}`));
    writeFileSync(path.join(fresh, `.checkpoint-${name}.node`), node);
  }
  for (const name of ['checkpoint-900000004', 'checkpoint-900000005-results']) mkdirSync(path.join(fresh, name));
  const ours = scratchOf(fresh, { id: 7, environment: {} });
  await provideScratch(ours);
  const others = [
    '.checkpoint-900000003.node',
    'checkpoint-900000003',
    'checkpoint-900000004',
    'checkpoint-900000005-results',
  ];
  expect(readdirSync(fresh).toSorted()).toEqual(['.checkpoint-7.node', ...others, 'checkpoint-7'].toSorted());
  await removeScratch(ours);
  expect(readdirSync(fresh).toSorted()).toEqual(others);
});

test('a file or a link that somebody has laid where our mark goes is left alone', async () => {
  const fresh = mkdtempSync(path.join(tmpdir(), 'scratch-'));
  const precious = path.join(fresh, 'precious');
  writeFileSync(precious, 'kept');
  symlinkSync(precious, path.join(fresh, '.checkpoint-900000001.node'));
  mkdirSync(path.join(fresh, 'checkpoint-900000001'));
  writeFileSync(precious, hostname());
  await provideScratch(scratchOf(fresh, { id: 7, environment: {} }));
  expect(readdirSync(fresh)).toContain('checkpoint-900000001');
});
