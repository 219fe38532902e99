import { expect, test } from 'vitest';
import { flagsIn, misfit, versionIn } from '../../../lib/criu/node-facts.ts';

const THERE = { kernel: '6.1.0-13-amd64', libc: 'glibc 2.36', criu: '4.2.1', cpuFlags: 'fpu sse avx2 avx512f' };

test('a node that has all that the last one had, and more, fits', () => {
  const here = { kernel: '6.10.3', libc: 'glibc 2.36', criu: '5.0', cpuFlags: 'avx512f avx2 amx fpu sse' };
  expect(misfit(THERE, THERE)).toBeUndefined();
  expect(misfit(THERE, here)).toBeUndefined();
});

test.each([
  ['a processor without an instruction set', { cpuFlags: 'fpu sse avx2' }, 'processor lacks avx512f, which'],
  ['an older kernel', { kernel: '5.14.0-1.el9' }, 'kernel (5.14.0-1.el9) is older than'],
  ['a kernel older by its minor version', { kernel: '6.0.9' }, 'kernel (6.0.9) is older than'],
  ['an older CRIU', { criu: '3.19' }, 'CRIU (3.19) is older than the one that saved the job (4.2.1): all nodes need'],
])('%s is named, with a remedy', (_, here, sentence) => {
  const reason = misfit(THERE, { ...THERE, ...here });
  expect(reason).toContain(`this node's ${sentence}`);
  expect(reason).toMatch(/: (keep to|all nodes) /);
});

test.each([
  ['a patch release', { kernel: '6.1.0-9', criu: '4.2' }],
  ['another C library, which CRIU compares itself', { libc: 'glibc 2.28' }],
  ['what nobody could find out', { kernel: '', libc: '', criu: '', cpuFlags: '' }],
])('%s is no reason not to try', (_, here) => {
  expect(misfit(THERE, { ...THERE, ...here })).toBeUndefined();
  expect(misfit({ ...THERE, ...here }, THERE)).toBeUndefined();
});

test('flags that the kernel or a hypervisor switches, and no program can use, make no difference', () => {
  expect(misfit({ ...THERE, cpuFlags: 'fpu pti ibrs hypervisor vmx constant_tsc' }, THERE)).toBeUndefined();
});

test('of very many flags that are lacking some are named', () => {
  expect(misfit({ ...THERE, cpuFlags: 'a b c d e f g' }, THERE)).toContain('lacks a, b, c, d, e and 2 more, which');
});

test('flags are those of x86, or the features of arm', () => {
  expect(flagsIn('processor\t: 0\nflags\t\t: fpu sse\nvmx flags\t: x\n\nprocessor\t: 1\nflags\t\t: no')).toBe(
    'fpu sse',
  );
  expect(flagsIn('BogoMIPS\t: 50\nFeatures\t: fp asimd \n')).toBe('fp asimd');
  expect(flagsIn('cpu\t: POWER9\n')).toBe('');
});

test('the version of CRIU is what it says of itself', () => {
  expect(versionIn('Version: 4.2.1\nGitID: v4.2.1')).toBe('4.2.1');
  expect(versionIn('')).toBe('');
});
