import { expect, test } from 'vitest';
import type { Claim } from '../../../lib/store/claims.ts';
import { pass } from '../../../lib/store/gate.ts';
import { listed } from '../../../lib/store/names.ts';

const ME = { run: 3, node: 'n1', boot: 'b' };
const claimOf = (run: number, more: Partial<Claim> = {}): Claim => ({
  run,
  node: 'n9',
  boot: 'b9',
  lease: 60,
  nonce: 'x',
  ...more,
});
const see = (names: readonly string[], claims: readonly Claim[] = []) => ({
  listing: listed(names),
  unreleased: claims.map((claim) => ({ run: claim.run, claim })),
  ended: undefined,
});
const mine = claimOf(3, ME);

test('nobody older that is not released: at once', () => {
  expect(pass(see(['run.3', 'run.1.released', 'run.2.released'], [mine]), ME)).toEqual({ kind: 'go' });
});

test('an older run that stops by itself is waited for, for as long as the longest of them', () => {
  const claims = [claimOf(1, { lease: 90, node: 'n8' }), claimOf(2), mine];
  expect(pass(see(['run.1', 'run.2', 'run.3'], claims), ME)).toEqual({
    kind: 'wait',
    seconds: 90,
    nodes: ['n8', 'n9'],
  });
});

test('an older run that never stops by itself is somebody’s to look at', () => {
  const claims = [claimOf(1), claimOf(2, { lease: 0 }), mine];
  expect(pass(see(['run.1', 'run.2', 'run.3'], claims), ME)).toEqual({ kind: 'stay', older: 2, node: 'n9' });
});

test('so is one whose claim makes no sense', () => {
  const seen = { ...see(['run.2', 'run.3']), unreleased: [{ run: 2, claim: undefined }] };
  expect(pass(seen, ME)).toEqual({ kind: 'stay', older: 2, node: undefined });
});

test('an older run on this node, of before its last start, is over', () => {
  expect(pass(see(['run.2', 'run.3'], [claimOf(2, { node: 'n1', boot: 'a', lease: 0 }), mine]), ME).kind).toBe('go');
  expect(pass(see(['run.2', 'run.3'], [claimOf(2, { node: 'n1', boot: 'b', lease: 0 }), mine]), ME).kind).toBe('stay');
});

test('a newer run has the job, released or not, whatever is older', () => {
  for (const name of ['run.4', 'run.4.released'])
    expect(pass(see(['run.2', 'run.3', name], [claimOf(2), mine]), ME)).toEqual({ kind: 'old' });
});

test('a job that is over is over for every run', () => {
  const ended = { run: 2, node: 'n2', at: '', ending: { exitCode: 3 } };
  expect(pass({ ...see(['run.4', 'run.2'], [claimOf(2)]), ended }, ME)).toEqual({ kind: 'ended', ended });
});
