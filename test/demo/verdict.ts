import { programsOwn } from '../../lib/supervisor/say.ts';

/** What a job of the demo left behind. */
export type Evidence = {
  /** The whole output file. */
  readonly output: string;
  /** Files in the result folder, and the text of looper.txt there; undefined when it is not among them. */
  readonly results: readonly string[];
  readonly looper: string | undefined;
  /** As `scontrol show job` says: COMPLETED and 0:0, if all went well. */
  readonly state: string;
  readonly exitCode: string;
  /** Checkpoints, scratch and run folders of the job that are still there. */
  readonly leftovers: readonly string[];
};

export type Verdict = {
  /** What happened, in a line. */
  readonly summary: string;
  /** What does not hold; empty when the job went as if it had never been interrupted. */
  readonly faults: readonly string[];
};

const LAST_NUMBER = 100;
const FIRST_LINE = /^writing to \/\S+\/looper\.txt \.\.\.$/;

/** Compares what a looper left with what one leaves that nobody ever interrupts. */
export function judge(evidence: Evidence): Verdict {
  const { output, results, looper, state, exitCode, leftovers } = evidence;
  const counted = countedLines(programsOwn(output));
  const dumps = occurrences(output, /^\[checkpointer\S* Dump done, Exit code: 0$/gm);
  const restores = occurrences(output, /^\[checkpointer\S* Checkpoint restore finished\./gm);
  const nodes = distinct(counted.lines.map(({ node }) => node));
  const pids = distinct(counted.lines.map(({ pids: both }) => both));

  const faults: string[] = [];
  const check = (holds: boolean, fault: string): void => {
    if (!holds) faults.push(fault);
  };
  check(state === 'COMPLETED' && exitCode === '0:0', `it ended as ${state} with ${exitCode}`);
  faults.push(...gaps(counted.lines, 'the output'));
  check(
    counted.others.length === 1 && FIRST_LINE.test(counted.others[0] ?? ''),
    `its output has other lines than an undisturbed run: ${quoted(counted.others)}`,
  );
  check(pids.length === 1, `its pid and parent's pid did not stay the same: ${pids.join('; ')}`);
  check(dumps > 0, 'there was no checkpoint');
  check(dumps === restores, `${dumps} checkpoints were taken, but ${restores} were restored`);
  check(nodes.length >= 2, `it ran on one node only: ${nodes.join(', ') || 'none'}`);
  if (looper === undefined) {
    faults.push('there is no looper.txt in the result folder');
  } else {
    faults.push(...gaps(countedLines(looper).lines, 'the delivered looper.txt'));
    check(
      looper === counted.text,
      'the delivered looper.txt differs from what the program printed',
    );
  }
  const strangers = results.filter((name) => name !== 'looper.txt');
  check(
    strangers.length === 0,
    `the result folder holds more than looper.txt: ${strangers.join(', ')}`,
  );
  check(leftovers.length === 0, `this was left behind: ${leftovers.join(', ')}`);

  const summary =
    `${counted.lines.length} numbers, ${dumps} checkpoints, ${restores} restores, ` +
    `nodes ${nodes.join(' and ')}, pid ${pids.join('; ')}, ${state} with exit status ${exitCode}`;
  return { summary, faults };
}

type Line = { readonly number: number; readonly node: string; readonly pids: string };

/** The looper's numbered lines, each read and all as text, and whatever else there is. */
function countedLines(text: string): { lines: Line[]; text: string; others: string[] } {
  const lines: Line[] = [];
  const kept: string[] = [];
  const others: string[] = [];
  for (const line of text.split('\n')) {
    const [, number, node = '', pids = ''] =
      /^(\d+) {2}node:(\S+) {2}(pid:\d+ {2}parent-pid:\d+)$/.exec(line) ?? [];
    if (number !== undefined) {
      lines.push({
        number: Number(number),
        node,
        pids: pids.replace(/^pid:(\d+).*:/, '$1, parent '),
      });
      kept.push(`${line}\n`);
    } else if (line !== '') {
      others.push(line);
    }
  }
  return { lines, text: kept.join(''), others };
}

/** Where the numbers are not 1, 2, 3 … 100, each once. */
function gaps(lines: readonly Line[], where: string): string[] {
  const numbers = lines.map(({ number }) => number);
  const wanted = Array.from({ length: LAST_NUMBER }, (_, index) => index + 1);
  const missing = wanted.filter((number) => !numbers.includes(number));
  const repeated = distinct(numbers.filter((number, index) => numbers.indexOf(number) !== index));
  const strange = numbers.filter((number) => !wanted.includes(number));
  const ordered = numbers.every(
    (number, index) => index === 0 || number >= (numbers[index - 1] ?? 0),
  );
  return [
    ...(missing.length > 0 ? [`${where} lacks ${ranges(missing)}`] : []),
    ...(repeated.length > 0 ? [`${where} has more than once: ${ranges(repeated)}`] : []),
    ...(strange.length > 0 ? [`${where} has numbers that nobody counted: ${ranges(strange)}`] : []),
    ...(ordered ? [] : [`the numbers in ${where} are out of order`]),
  ];
}

/** `3, 7-12` of 3, 7, 8, 9, 10, 11, 12. */
function ranges(numbers: readonly number[]): string {
  const spans: [from: number, to: number][] = [];
  for (const number of numbers) {
    const last = spans.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
const occurrences = (text: string, what: RegExp): number => [...text.matchAll(what)].length;
const quoted = (lines: readonly string[]): string =>
  lines.length === 0 ? 'none' : lines.map((line) => JSON.stringify(line)).join(' ');
