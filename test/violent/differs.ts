const shown = (line: string | undefined): string => (line === undefined ? 'the end' : `"${line.slice(0, 60)}"`);

/** Where a text first is another than expected; undefined when it isn't. */
export function differs(what: string, text: string | undefined, expected = ''): string | undefined {
  if (text === expected) return undefined;
  if (text === undefined) return `${what} is missing`;
  const [lines, others] = [text.split('\n'), expected.split('\n')];
  const at = lines.findIndex((line, index) => line !== others[index]);
  const [number, is] = at === -1 ? [lines.length, undefined] : [at, lines[at]];
  return `${what} has ${shown(is)} in line ${number + 1}, and not ${shown(others[number])}`;
}
