import { describe, expect, test } from 'vitest';

import { parseCommandLine } from '../../torture/command-line.ts';
import { FAULT_KINDS } from '../../torture/plan.ts';

describe("the torture's command line", () => {
  test('takes numbers of jobs and faults, and a seed', async () => {
    const wish = await parseCommandLine(['--jobs', '50', '--faults=100', '--seed', '4294967295']);
    expect(wish).toEqual({ jobs: 50, faults: 100, seed: 4_294_967_295, only: FAULT_KINDS });
  });

  test('chooses a seed when none is said', async () => {
    const [one, other] = await Promise.all([parseCommandLine([]), parseCommandLine([])]);
    expect(one.seed).not.toBe(other.seed);
    expect(one).toMatchObject({ jobs: 6, faults: 6 });
  });

  test('takes kinds of faults', async () => {
    const { only } = await parseCommandLine(['--only', 'suspended, dump killed']);
    expect(only).toEqual(['suspended', 'dump killed']);
  });

  test.each([
    [['--jobs', 'many'], /^--jobs is "many", but must be one whole number from 1 to 1000$/],
    [['--jobs', '0'], /^--jobs is "0", but must/],
    [['--jobs', '1', '--jobs', '2'], /^--jobs is \["1","2"\], but must be one whole number/],
    [['--faults', '-1'], /--faults/],
    [['--faults='], /^--faults is "", but must/],
    [['--seed', '4294967296'], /^--seed is "4294967296", but must .* from 0 to 4294967295$/],
    [['--seed'], /seed; expected are --jobs VALUE/],
    [['--only', 'bad luck'], /^--only is "bad luck", but must be of these.*: agent killed/],
    [['--job', '3'], /Unknown argument: job; expected are --jobs VALUE, --faults VALUE/],
    [['3'], /Unknown argument: 3; expected/],
  ])('refuses %j, and says what is wrong', async (argv, message) => {
    await expect(parseCommandLine(argv)).rejects.toThrow(message);
  });
});
