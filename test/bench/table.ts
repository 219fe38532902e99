// What was measured, for people: one line each, columns aligned.

export type Row = {
  readonly what: string;
  readonly value: number;
  /** ms; MB of a million bytes; or times as much. */
  readonly unit: 'ms' | 'MB' | 'times';
  /** At most so much, in the same unit. */
  readonly aim?: number;
  /** How the value came about. */
  readonly from: string;
  /** All that was measured for it, in the order in which it was. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
};

export function table(rows: readonly Row[]): string {
  const lines = [
    ['', 'measured', 'aim', 'from'],
    ...rows.map((row) => [
      row.what,
      amount(row.value, row.unit),
      row.aim === undefined ? '' : `<= ${row.aim} ${row.unit}`,
      row.from,
    ]),
  ];
  const width = (column: number): number => Math.max(...lines.map((line) => line[column]?.length ?? 0));
  return lines
    .map(([what = '', value = '', aim = '', from = '']) =>
      [what.padEnd(width(0)), value.padStart(width(1)), aim.padStart(width(2)), from].join('  ').trimEnd(),
    )
    .join('\n');
}

/** With as many digits as mean something. */
export function amount(value: number, unit: Row['unit']): string {
  const digits = unit === 'times' || Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
}
