import { MANIFEST_VERSION, type Manifest } from '../../../lib/store/manifest.ts';

export const MANIFEST: Manifest = {
  version: MANIFEST_VERSION,
  jobId: 42,
  generation: 3,
  takenAt: '2026-01-02T03:04:05.678Z',
  node: 'node1',
  kernel: '6.1.0',
  criu: '4.2',
  cpuFlags: 'fpu sse2 avx2',
  tree: { root: 2, script: 5, highest: 77, processes: 4 },
  clocks: { monotonic: '123456789012345678', boottime: '123456789012345679' },
  groups: [100, 4],
  script: '/var/spool/slurmd/job00042/slurm_script',
  files: [{ path: '/shared/log', size: 12, mtimeMs: 1234.5, appended: true, tail: 'abc' }],
  outputs: [{ path: '/home/a/slurm-42.out', size: 9, copy: 'output.1' }],
  scratch: '/scratch/42',
  contents: [{ name: 'images/core-2.img', size: 4096, blake3: 'abc' }],
  cost: { frozenMs: 120, wholeMs: 4096, waitedMs: 0 },
};
