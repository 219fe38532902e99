import { expect, test } from 'vitest';
import { NodeError } from '../../../lib/errors.ts';
import { manifestOf } from '../../../lib/store/manifest.ts';
import { objectionTo, ofError } from '../../../lib/supervisor/objections.ts';

const job = { id: 7, user: 'a', cluster: 'c', restarts: 1, node: 'n2', workDirectory: '/', environment: {} };
const here = { job, scratch: '/tmp/checkpoint-7', criu: '/nowhere/criu' };
const manifest = manifestOf(
  {
    job: 7,
    cluster: 'c',
    node: 'n1',
    script: 1,
    seconds: 1,
    options: { keep: 1, mode: 'requeue' },
    scratch: '/tmp/checkpoint-7',
    outputs: [],
    continuation: { rootPid: 2, highestPid: 3, uptimeSeconds: 1 },
  },
  new Date(0),
);
const found = (changed: object) => ({ kind: 'found' as const, manifest: { ...manifest, ...changed } });

test('a checkpoint of before nodes were noted is restored', async () => {
  expect(await objectionTo(found({}), here)).toBeUndefined();
});

test.each([
  ['a kernel that is newer', { nodeFacts: { kernel: '99.1', libc: '', criu: '', cpuFlags: '' } }, /is older than/],
  ['a TMPDIR at another path', { scratch: '/local/7' }, /its TMPDIR was "\/local\/7"/],
])('another node may have %s', async (_, changed, reason) => {
  expect(await objectionTo(found(changed), here)).toEqual({ because: 'node', reason: expect.stringMatching(reason) });
});

test('no node can restore another job’s checkpoint, or another version’s', async () => {
  expect(await objectionTo(found({ job: 8 }), here)).toMatchObject({ because: 'job' });
  expect(await objectionTo({ kind: 'foreign-version', version: 9 }, here)).toMatchObject({ because: 'job' });
});

const ofCode = (code: string) => ofError(Object.assign(new Error(code), { code })).because;

test('an error is the node’s where the share is lost here, and the job’s otherwise', () => {
  expect(['ESTALE', 'ENOTCONN', 'EIO', 'EROFS'].map(ofCode)).toEqual(['node', 'node', 'node', 'node']);
  expect(['EACCES', 'ENOSPC', 'EDQUOT'].map(ofCode)).toEqual(['job', 'job', 'job']);
  expect(ofError(new NodeError('x'))).toEqual({ because: 'node', reason: 'x' });
  expect(ofError(new Error('x'))).toEqual({ because: 'job', reason: 'x' });
});
