import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { parseConfig, readConfig, type SiteConfig } from '../../lib/config.ts';
import { ConfigError } from '../../lib/errors.ts';
import { tempFolder } from './temp-folder.ts';

const DEFAULTS: SiteConfig = {
  interval: 3600,
  auto_interval_min: 600,
  auto_interval_max: 4 * 3600,
  mean_time_between_failures: 30 * 86_400,
  mode: 'requeue',
  keep: 2,
  store: '~/.checkpointer',
  store_limit: Infinity,
  verify_limit: Infinity,
  staging: 'none',
  staging_limit: Infinity,
  writers: 2,
  lease: 60,
  kill_wait: 30,
  restore_tries: 3,
  orphan_age: 7 * 86_400,
  scratch: '/var/tmp/slurm-checkpointer',
  slurmd_spool: '/var/spool/slurmd',
  local_folders: ['/tmp', '/var/tmp', '/dev/shm', '/run'],
  output_copy_limit: 64 * 1024 ** 2,
  delivery_limit: 3600,
  path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  dump_capabilities: [],
};

function refusalOf(text: string): string {
  try {
    parseConfig(text, 'the.ini');
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the configuration was taken');
}

test('an empty file means the defaults', () => {
  expect(parseConfig('')).toEqual(DEFAULTS);
});

test('a missing file means the defaults', () => {
  expect(readConfig(join(tempFolder(), 'none.ini'))).toEqual(DEFAULTS);
});

test('a file that cannot be read is an error that names it', () => {
  const folder = join(tempFolder(), 'a.ini');
  mkdirSync(folder);
  expect(() => readConfig(folder)).toThrow(ConfigError);
  expect(() => readConfig(folder)).toThrow(`${folder} cannot be read: EISDIR`);
});

test('comments and blank lines say nothing', () => {
  expect(parseConfig('\n; interval = 5\n# keep = 9\n\n')).toEqual(DEFAULTS);
});

describe('a key is read', () => {
  test.each<[string, Partial<SiteConfig>]>([
    ['interval = 90', { interval: 5400 }],
    ['interval=0-0:45', { interval: 2700 }],
    ['auto_interval_min = 5', { auto_interval_min: 300 }],
    ['auto_interval_max = 1-0', { auto_interval_max: 86_400 }],
    ['mean_time_between_failures = 7-0', { mean_time_between_failures: 7 * 86_400 }],
    ['mode = snapshot', { mode: 'snapshot' }],
    ['store_limit = 1T', { store_limit: 1024 ** 4 }],
    ['store_limit = none', { store_limit: Infinity }],
    ['verify_limit = 10G', { verify_limit: 10 * 1024 ** 3 }],
    ['staging = /local/staging', { staging: '/local/staging' }],
    ['staging_limit = 0', { staging_limit: 0 }],
    ['writers = 8', { writers: 8 }],
    ['lease = 0:30', { lease: 30 }],
    ['restore_tries = 1', { restore_tries: 1 }],
    ['orphan_age = 1-0', { orphan_age: 86_400 }],
    ['keep = 10', { keep: 10 }],
    ['store = /shared/checkpoints', { store: '/shared/checkpoints' }],
    ['store = /home/%u/checkpoints', { store: '/home/%u/checkpoints' }],
    ['store = ~/elsewhere', { store: '~/elsewhere' }],
    ['scratch = /local/job scratch', { scratch: '/local/job scratch' }],
    ['scratch = none', { scratch: 'none' }],
    ['slurmd_spool = /var/spool/slurmd.%n', { slurmd_spool: '/var/spool/slurmd.%n' }],
    ['local_folders = /scratch,/tmp', { local_folders: ['/scratch', '/tmp'] }],
    ['local_folders =', { local_folders: [] }],
    ['output_copy_limit = 512', { output_copy_limit: 512 }],
    ['output_copy_limit = 3K', { output_copy_limit: 3072 }],
    ['output_copy_limit = 2G', { output_copy_limit: 2 * 1024 ** 3 }],
    ['output_copy_limit = 1T', { output_copy_limit: 1024 ** 4 }],
    ['output_copy_limit = 0', { output_copy_limit: 0 }],
    ['delivery_limit = 30', { delivery_limit: 1800 }],
    ['path = /opt/criu/bin:/usr/bin', { path: '/opt/criu/bin:/usr/bin' }],
  ])('%s', (line, expected) => {
    expect(parseConfig(`${line}\n`)).toEqual({ ...DEFAULTS, ...expected });
  });

  test('dump_capabilities as a list', () => {
    const config = parseConfig('dump_capabilities = dac_read_search, sys_ptrace net_admin\n');
    expect(config.dump_capabilities).toEqual(['dac_read_search', 'sys_ptrace', 'net_admin']);
  });
});

describe('a value that cannot be used is named with its key and what was expected', () => {
  test.each([
    ['interval = soon', 'interval = "soon" must be a time: minutes'],
    ['interval = 0-0:00', 'interval = "0-0:00" must be more than zero'],
    ['interval =', 'interval = "" must be a time'],
    ['mode = fast', 'mode = "fast" must be one of: requeue, snapshot'],
    ['keep = 0', 'keep = "0" must be a whole number from 1 to 99999'],
    ['keep = many', 'keep = "many" must be a whole number'],
    ['store = checkpoints', 'store = "checkpoints" must be an absolute path'],
    ['store = ~root/x', 'store = "~root/x" must be an absolute path'],
    ['store = /a/../b', 'store = "/a/../b" must be an absolute path'],
    ['scratch = tmp', 'scratch = "tmp" must be an absolute path, or none'],
    ["slurmd_spool = /a'b", 'slurmd_spool = "/a\'b" must be an absolute path without quotes'],
    ['local_folders = /tmp var', 'local_folders = "/tmp var" must be absolute paths'],
    ['output_copy_limit = 64MB', 'output_copy_limit = "64MB" must be a size'],
    ['output_copy_limit = -1', 'output_copy_limit = "-1" must be a size'],
    ['store_limit = much', 'store_limit = "much" must be a size such as 64M or 2G, or none'],
    ['staging = here', 'staging = "here" must be an absolute path, or none'],
    ['delivery_limit = 1h', 'delivery_limit = "1h" must be a time'],
    ['path = /usr/bin:', 'path = "/usr/bin:" must be absolute folders'],
    ['path = /usr/bin:.', 'path = "/usr/bin:." must be absolute folders'],
    ['dump_capabilities = sys_admin', 'must be among: dac_read_search'],
  ])('%s', (line, message) => {
    expect(refusalOf(`${line}\n`)).toContain(message);
    expect(refusalOf(`${line}\n`)).toMatch(/^the\.ini: /);
  });

  test.each(['keep', 'keep = true', 'keep = null', 'keep[] = 2', '[keep]'])(
    'also where the ini is none of plain words: %s',
    (line) => {
      expect(refusalOf(`${line}\n`)).toMatch(/^the\.ini: keep = /);
    },
  );
});

describe('an unknown key is named, with the known ones', () => {
  test.each([
    ['intervall = 5', 'intervall'],
    ['Interval = 5', 'Interval'],
    ['[section]\ninterval = 5', 'section'],
  ])('%s', (text, key) => {
    const refusal = refusalOf(`${text}\n`);
    const [said, known = ''] = refusal.split('; the known keys are: ');
    expect(said).toBe(`the.ini: there is no key "${key}"`);
    expect(known.split(', ').toSorted()).toEqual(Object.keys(DEFAULTS).toSorted());
  });
});

describe('the ini file that is installed', () => {
  const text = readFileSync(new URL('../../etc/checkpointer.ini', import.meta.url), 'utf8');

  test('says nothing as it is', () => {
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith(';'))).toEqual([]);
  });

  test('has every key once, commented out', () => {
    const keys = [...text.matchAll(/^;(\w+) =/gm)].map(([, key = '']) => key);
    expect(keys.toSorted()).toEqual(Object.keys(DEFAULTS).toSorted());
  });

  test('gives every key its true default', () => {
    const file = join(tempFolder(), 'checkpointer.ini');
    writeFileSync(file, text.replaceAll(/^;(\w+ =)/gm, '$1'));
    expect(readConfig(file)).toEqual(DEFAULTS);
  });
});
