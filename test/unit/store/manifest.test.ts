import { describe, expect, test } from 'vitest';

import { MANIFEST_VERSION, parseManifest } from '../../../lib/store/manifest.ts';
import { MANIFEST } from './example.ts';

describe('a manifest', () => {
  test('is read as it was written', () => {
    expect(parseManifest(JSON.stringify(MANIFEST))).toEqual({ kind: 'found', manifest: MANIFEST });
  });

  test('needs no TMPDIR and no copy of an output', () => {
    const { scratch: _, ...rest } = MANIFEST;
    const manifest = { ...rest, outputs: [{ path: '/o', size: 1 }] };
    expect(parseManifest(JSON.stringify(manifest))).toEqual({ kind: 'found', manifest });
  });

  test('of a later version is told from a damaged one, whatever else is in it', () => {
    expect(parseManifest(`{"version": ${MANIFEST_VERSION + 1}}`)).toEqual({
      kind: 'foreign-version',
      version: String(MANIFEST_VERSION + 1),
    });
  });
});

describe('a damaged manifest says what is wrong', () => {
  test.each([
    ['nothing in it', '', 'its manifest is no JSON'],
    ['cut off', JSON.stringify(MANIFEST).slice(0, 100), 'its manifest is no JSON'],
    ['zeros, as after a power cut', '\0'.repeat(100), 'its manifest is no JSON'],
    ['no version', '{}', 'its manifest has no version'],
    ['a version in words', '{"version":"1"}', 'its manifest has no version'],
    ['another thing', '[]', 'its manifest has no version'],
    ['null', 'null', 'its manifest has no version'],
    ['nothing but a version', `{"version":${MANIFEST_VERSION}}`, 'its manifest has a wrong jobId'],
  ])('%s', (_which, text, reason) => {
    expect(parseManifest(text)).toEqual({ kind: 'damaged', reason });
  });

  test.each<[string, object]>([
    ['tree.root', { tree: { ...MANIFEST.tree, root: -1 } }],
    ['tree.highest', { tree: { ...MANIFEST.tree, highest: 1.5 } }],
    ['clocks.monotonic', { clocks: { ...MANIFEST.clocks, monotonic: 5 } }],
    ['groups.0', { groups: ['100'] }],
    ['files.0.size', { files: [{ ...MANIFEST.files[0], size: null }] }],
    ['outputs.0.path', { outputs: [{ size: 1 }] }],
    ['contents.0.blake3', { contents: [{ name: 'a', size: 1 }] }],
    ['cost.wholeMs', { cost: { frozenMs: 1 } }],
  ])('a wrong %s', (field, part) => {
    expect(parseManifest(JSON.stringify({ ...MANIFEST, ...part }))).toEqual({
      kind: 'damaged',
      reason: `its manifest has a wrong ${field}`,
    });
  });
});
