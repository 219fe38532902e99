import { randomInt } from 'node:crypto';

import yargs from 'yargs';

import { FAULT_KINDS, type FaultKind, type Wish } from './plan.ts';

/** A wrong option. The message names it, its value and what was expected. */
export class WrongOption extends Error {}

const OPTIONS = {
  jobs: { default: '6', describe: 'how many jobs' },
  faults: { default: '6', describe: 'how many faults' },
  seed: { describe: 'a number that all is planned from; the same one plans the same' },
  only: { describe: `only these kinds of faults, separated by commas: ${FAULT_KINDS.join(', ')}` },
} as const;

/**
 * Throws WrongOption.
 * @param argv without the program's own name
 */
export async function parseCommandLine(argv: readonly string[]): Promise<Wish> {
  const said = await yargs([...argv])
    .scriptName('npm run -s torture --')
    .usage(
      '$0 [--jobs N] [--faults N] [--seed S]\n\nRandom jobs on the test cluster, and random faults while they run: nothing may be lost.',
    )
    .options({
      jobs: { ...OPTIONS.jobs, type: 'string', requiresArg: true },
      faults: { ...OPTIONS.faults, type: 'string', requiresArg: true },
      seed: { ...OPTIONS.seed, type: 'string', requiresArg: true },
      only: { ...OPTIONS.only, type: 'string', requiresArg: true },
    })
    .version(false)
    .strict()
    .locale('en')
    .exitProcess(true)
    .fail((message, error) => {
      const names = Object.keys(OPTIONS).map((name) => `--${name} VALUE`);
      throw new WrongOption(`${error?.message ?? message}; expected are ${names.join(', ')}`);
    })
    .parseAsync();
  const jobs = whole('jobs', said.jobs, 1, 1000);
  return {
    jobs,
    faults: whole('faults', said.faults, 0, 10_000),
    seed: said.seed === undefined ? randomInt(2 ** 32) : whole('seed', said.seed, 0, 2 ** 32 - 1),
    only: said.only === undefined ? FAULT_KINDS : kinds(said.only),
  };
}

function whole(name: string, value: unknown, from: number, to: number): number {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : NaN;
  if (number >= from && number <= to) return number;
  throw new WrongOption(
    `--${name} is ${JSON.stringify(value)}, but must be one whole number from ${from} to ${to}`,
  );
}

function kinds(value: unknown): FaultKind[] {
  const names = typeof value === 'string' ? value.split(',').map((name) => name.trim()) : [];
  const known = names.filter((name): name is FaultKind => (FAULT_KINDS as string[]).includes(name));
  if (names.length > 0 && known.length === names.length) return known;
  throw new WrongOption(
    `--only is ${JSON.stringify(value)}, but must be of these, separated by commas: ${FAULT_KINDS.join(', ')}`,
  );
}
