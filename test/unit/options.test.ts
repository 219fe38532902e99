import { describe, expect, test } from 'vitest';

import { OptionError } from '../../lib/errors.ts';
import { readOptions, type JobOptions, type OptionSources } from '../../lib/options.ts';

const SITE = { intervalSeconds: 3600, keep: 2, mode: 'requeue' } as const;

const read = (said: Partial<OptionSources>): JobOptions | undefined =>
  readOptions({ comment: '', environment: {}, script: {}, ...said }, SITE);

function refusalOf(said: Partial<OptionSources>): string {
  try {
    read(said);
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
  throw new Error('the options were taken');
}

describe('a job takes part', () => {
  test.each<[string, Partial<OptionSources>]>([
    ['its comment asks for checkpoints', { comment: 'checkpoint' }],
    ['its comment names a result folder', { comment: 'results=/r' }],
    ['its environment asks for checkpoints', { environment: { SLURM_CHECKPOINT: '5' } }],
    ['its environment names a result folder', { environment: { RESULT_FOLDER: '/r' } }],
    ['its script asks for checkpoints', { script: { SLURM_CHECKPOINT: '5' } }],
    ['its script names a result folder', { script: { RESULT_FOLDER: '/r' } }],
  ])('when %s', (_when, said) => {
    expect(read(said)).toBeDefined();
  });
});

describe('a job takes no part', () => {
  test.each<[string, Partial<OptionSources>]>([
    ['nobody says anything', {}],
    ['the comment belongs to somebody else', { comment: 'project=42, keep it warm' }],
    ['the word only begins as ours', { comment: 'checkpoints checkpointing=5 Checkpoint' }],
    ['the variable is empty', { environment: { SLURM_CHECKPOINT: '', RESULT_FOLDER: '' } }],
    ['only keep and mode are said', { comment: 'keep=3 mode=requeue' }],
    ['only a store is said', { environment: { SLURM_CHECKPOINT_DIR: '/s' } }],
    ['nothing of it can be used anyway', { comment: 'keep=none mode=fast' }],
  ])('when %s', (_when, said) => {
    expect(read(said)).toBeUndefined();
  });
});

test("what a job does not say is the site's to say", () => {
  expect(read({ comment: 'checkpoint' })).toEqual({
    intervalSeconds: 3600,
    resultFolder: undefined,
    keep: 2,
    mode: 'requeue',
    storeFolder: undefined,
  });
});

test('a job that only wants its results gets no checkpoints', () => {
  expect(read({ environment: { RESULT_FOLDER: '/r' } })).toMatchObject({
    intervalSeconds: undefined,
    resultFolder: '/r',
  });
});

describe('the stronger source wins', () => {
  const comment = 'checkpoint=1 results=/comment';
  const environment = { SLURM_CHECKPOINT: '2', RESULT_FOLDER: '/environment' };
  const script = { SLURM_CHECKPOINT: '3', RESULT_FOLDER: '/script' };

  test.each<[string, Partial<OptionSources>, number, string]>([
    ['comment before all', { comment, environment, script }, 60, '/comment'],
    ['environment before script', { environment, script }, 120, '/environment'],
    ['script where nobody else speaks', { script }, 180, '/script'],
    [
      'script where the variable is empty',
      { environment: { SLURM_CHECKPOINT: '', RESULT_FOLDER: '' }, script },
      180,
      '/script',
    ],
    [
      'option by option',
      { comment: 'checkpoint=1', environment: { RESULT_FOLDER: '/environment' }, script },
      60,
      '/environment',
    ],
  ])('%s', (_which, said, intervalSeconds, resultFolder) => {
    expect(read(said)).toMatchObject({ intervalSeconds, resultFolder });
  });

  test("the script's other variables say nothing: the predecessor knew only two", () => {
    const options = read({ script: { SLURM_CHECKPOINT: '3' }, environment: {} });
    expect(options).toMatchObject({ keep: 2, mode: 'requeue' });
  });
});

describe('the words of a comment', () => {
  test.each([
    ['may stand among those of others', 'project=42 checkpoint=5 urgent', 300],
    ['may be separated by commas', 'project=42,checkpoint=5,urgent', 300],
    ['may be separated by commas and blanks', ' , checkpoint=5 ,\tkeep=3', 300],
    ['may repeat themselves: the last one counts', 'checkpoint=5 checkpoint=7', 420],
    ['without a value mean the default of the site', 'checkpoint', 3600],
    ['may spell the default out', 'checkpoint=default', 3600],
    ['may leave the interval to us', 'checkpoint=auto', 'auto'],
  ])('%s', (_claim, comment, intervalSeconds) => {
    expect(read({ comment })?.intervalSeconds).toBe(intervalSeconds);
  });

  test('that need a value and have none belong to somebody else', () => {
    expect(read({ comment: 'checkpoint keep mode results' })).toEqual(
      read({ comment: 'checkpoint' }),
    );
  });

  test('set every option but the store', () => {
    expect(read({ comment: 'checkpoint=1-0 results=/a=b keep=7 mode=requeue' })).toEqual({
      intervalSeconds: 86_400,
      resultFolder: '/a=b',
      keep: 7,
      mode: 'requeue',
      storeFolder: undefined,
    });
    expect(read({ comment: 'checkpoint dir=/s' })?.storeFolder).toBeUndefined();
  });
});

test('the environment sets every option', () => {
  const environment = {
    SLURM_CHECKPOINT: '0-0:45',
    RESULT_FOLDER: '/r with blanks',
    SLURM_CHECKPOINT_KEEP: '999',
    SLURM_CHECKPOINT_MODE: 'snapshot',
    SLURM_CHECKPOINT_DIR: '/s',
  };
  expect(read({ environment })).toEqual({
    intervalSeconds: 2700,
    resultFolder: '/r with blanks',
    keep: 999,
    mode: 'snapshot',
    storeFolder: '/s',
  });
});

describe('a wrong value is refused by name, value and what was expected', () => {
  test.each<[Record<string, string>, string, string]>([
    [
      { SLURM_CHECKPOINT: 'hourly' },
      'SLURM_CHECKPOINT is "hourly"',
      'auto, or a time: minutes, m:s',
    ],
    [{ SLURM_CHECKPOINT: '0' }, 'SLURM_CHECKPOINT is "0"', 'more than zero'],
    [{ SLURM_CHECKPOINT: '0-0:0' }, 'SLURM_CHECKPOINT is "0-0:0"', 'more than zero'],
    [{ RESULT_FOLDER: 'results' }, 'RESULT_FOLDER is "results"', 'an absolute path'],
    [{ RESULT_FOLDER: '~/results' }, 'RESULT_FOLDER is "~/results"', 'an absolute path'],
    [{ RESULT_FOLDER: '/a\nb' }, 'RESULT_FOLDER is "/a?b"', 'a path without line breaks'],
    [
      { SLURM_CHECKPOINT_KEEP: '0' },
      'SLURM_CHECKPOINT_KEEP is "0"',
      'a whole number from 1 to 999',
    ],
    [{ SLURM_CHECKPOINT_KEEP: '1000' }, 'KEEP is "1000"', 'a whole number from 1 to 999'],
    [{ SLURM_CHECKPOINT_KEEP: '2.5' }, 'KEEP is "2.5"', 'a whole number from 1 to 999'],
    [{ SLURM_CHECKPOINT_KEEP: '-1' }, 'KEEP is "-1"', 'a whole number from 1 to 999'],
    [
      { SLURM_CHECKPOINT_MODE: 'fast' },
      'SLURM_CHECKPOINT_MODE is "fast"',
      'one of: requeue, snapshot',
    ],
    [{ SLURM_CHECKPOINT_MODE: 'Snapshot' }, 'MODE is "Snapshot"', 'one of: requeue, snapshot'],
    [{ SLURM_CHECKPOINT_DIR: 'here' }, 'SLURM_CHECKPOINT_DIR is "here"', 'an absolute path'],
  ])('%j', (environment, said, expected) => {
    const refusal = refusalOf({ environment: { SLURM_CHECKPOINT: '5', ...environment } });
    expect(refusal).toContain(`${said}, but must be ${expected}`);
  });

  test('from the comment it is named by its word', () => {
    expect(refusalOf({ comment: 'checkpoint=soon' })).toMatch(/^comment word checkpoint is "soon"/);
    expect(refusalOf({ comment: 'results=' })).toMatch(/^comment word results is "", but must be/);
  });

  test('from the script it says so', () => {
    expect(refusalOf({ script: { RESULT_FOLDER: '$(date)' } })).toMatch(
      /^RESULT_FOLDER \(exported in the script\) is "\$\(date\)"/,
    );
  });

  test('a strong wrong value does not fall back to a weaker right one', () => {
    expect(
      refusalOf({ comment: 'checkpoint=soon', environment: { SLURM_CHECKPOINT: '5' } }),
    ).toContain('"soon"');
  });

  test.each(['SLURM_CHECKPOINT', 'RESULT_FOLDER', 'SLURM_CHECKPOINT_KEEP', 'SLURM_CHECKPOINT_DIR'])(
    'a megabyte in %s makes a short message all the same',
    (name) => {
      const value = `/${'x'.repeat(1024 * 1024)}`;
      const refusal = refusalOf({ environment: { SLURM_CHECKPOINT: '5', [name]: value } });
      expect(refusal).toContain(`${name} is "/xxx`);
      expect(refusal).toContain('…"');
      expect(refusal.length).toBeLessThan(300);
    },
  );

  test('control characters never reach the message', () => {
    const value = '\u001B[2J\u0007\r\n\u009B31m\u202Eevil';
    const refusal = refusalOf({ environment: { SLURM_CHECKPOINT: value } });
    expect(refusal).toContain('evil');
    expect(refusal).not.toMatch(/\p{C}/u);
  });
});
