import { describe, expect, test } from 'vitest';

import { beyondModel, foreignRightsOf } from '../../../lib/agent/verify.ts';

const IDENTITY = { uid: 1000, gid: 100, groups: [100, 4, 27] };
const GROUPS = [4, 27];

/** The lines of /proc/PID/status that tell rights, of a task that has none but the user's. */
const status = (changed: Record<string, string> = {}): ReadonlyMap<string, string> =>
  new Map(
    Object.entries({
      Name: 'program',
      Uid: '1000\t1000\t1000\t1000',
      Gid: '100\t100\t100\t100',
      Groups: '4 27 100 ',
      CapInh: '0000000000000000',
      CapPrm: '0000000000000000',
      CapEff: '0000000000000000',
      CapBnd: '000001ffffffffff',
      CapAmb: '0000000000000000',
      ...changed,
    }),
  );

describe('a restored task has nothing beyond the rights of its user', () => {
  test.each<[string, Record<string, string>]>([
    ['as Slurm started it', {}],
    ['without groups', { Groups: '' }],
    ["with one of the user's groups as its own", { Gid: '100\t27\t27\t27' }],
    ['with a bounding set, which gives nothing', { CapBnd: '000001ffffffffff' }],
  ])('%s', (_how, changed) => {
    expect(foreignRightsOf(status(changed), IDENTITY, GROUPS)).toBeUndefined();
  });
});

describe('a restored task has foreign rights', () => {
  test.each<[string, Record<string, string>, string]>([
    ['as root', { Uid: '0\t0\t0\t0' }, 'uid 0\t0\t0\t0'],
    ['as another user', { Uid: '1001\t1001\t1001\t1001' }, 'uid 1001'],
    ['by its effective user', { Uid: '1000\t0\t1000\t1000' }, 'uid 1000\t0'],
    ['by its saved user, to whom it may go back', { Uid: '1000\t1000\t0\t1000' }, 'uid 1000'],
    ['by its user for files', { Uid: '1000\t1000\t1000\t0' }, 'uid 1000'],
    ['by its group', { Gid: '0\t0\t0\t0' }, 'group 0'],
    ['by its saved group', { Gid: '100\t100\t42\t100' }, 'group 42'],
    ['by one of many groups', { Groups: '4 27 42 100' }, 'group 42'],
    ['by an inheritable capability', { CapInh: '0000000000000001' }, 'capabilities (CapInh'],
    ['by a permitted capability', { CapPrm: '0000010000000000' }, 'capabilities (CapPrm'],
    ['by an effective capability', { CapEff: '000001ffffffffff' }, 'capabilities (CapEff'],
    ['by an ambient capability', { CapAmb: '0000000000200000' }, 'capabilities (CapAmb'],
  ])('%s', (_how, changed, words) => {
    expect(foreignRightsOf(status(changed), IDENTITY, GROUPS)).toContain(words);
  });

  test("by a group of the user's that the checkpoint does not name", () => {
    expect(foreignRightsOf(status(), IDENTITY, [4])).toBe('group 27');
  });
});

describe('a task is beyond its job', () => {
  const job = new Map([
    ['CapBnd', '00000000000000ff'],
    ['NoNewPrivs', '1'],
    ['Seccomp', '2'],
  ]);
  test.each<[string, [string, string][], string | undefined]>([
    ['not with the same bounds', [], undefined],
    ['not with narrower ones', [['CapBnd', '000000000000000f']], undefined],
    [
      'with a capability more in its bounding set',
      [['CapBnd', '00000000000001ff']],
      'capabilities (CapBnd 00000000000001ff)',
    ],
    ['without no_new_privs', [['NoNewPrivs', '0']], 'NoNewPrivs'],
    ['without the filter of system calls', [['Seccomp', '0']], 'Seccomp'],
  ])('%s', (_what, changed, excess) => {
    expect(beyondModel(new Map([...job, ...changed]), job)).toBe(excess);
  });
});
