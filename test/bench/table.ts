export type Row = {
  readonly what: string;
  readonly value: string;
  readonly aim?: string;
  readonly how?: string;
};

/** Rows as lines of text, columns aligned. */
export function table(rows: readonly Row[]): string {
  const lines = [
    ['', 'measured', 'aim', 'from'],
    ...rows.map(({ what, value, aim = '', how = '' }) => [what, value, aim, how]),
  ];
  const width = (column: number): number =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0));
  return lines
    .map(([what = '', value = '', aim = '', how = '']) =>
      [what.padEnd(width(0)), value.padStart(width(1)), aim.padStart(width(2)), how]
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export const milliseconds = (value: number, digits = 1): string => `${value.toFixed(digits)} ms`;
export const seconds = (value: number): string => `${(value / 1000).toFixed(2)} s`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
