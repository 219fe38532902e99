// The job's script, as far as it says what its owner wants.

/**
 * `export NAME=value` lines, as the predecessor's users wrote them. Nothing is evaluated: quotes are taken off, and $NAME,
 * ${NAME} and $(pwd) are filled in from the environment that the script starts with. What needs a shell stays as it is.
 */
export function exportsIn(
  script: string,
  names: readonly string[],
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  const line = new RegExp(`^[ \\t]*export[ \\t]+(${names.join('|')})=((?:${PART.source})*)`, 'gm');
  const meaning = (word: string): string =>
    (word.match(new RegExp(PART, 'g')) ?? []).map((part) => meaningOf(part, environment)).join('');
  return Object.fromEntries([...script.matchAll(line)].map(([, name = '', word = '']) => [name, meaning(word)]));
}

/** What a shell's word is made of: quoted text, `$(…)`, `\x`, plain text, and what begins one of those but doesn't end it. */
const PART = /"[^"\n]*"|'[^'\n]*'|\$\([^()\n]*\)|\\.|(?:(?!\$\()[^\s;&|"'\\])+|[^\s;&|]/;

function meaningOf(part: string, environment: Readonly<Record<string, string>>): string {
  if (/^'.*'$/.test(part)) return part.slice(1, -1);
  if (/^\\./.test(part)) return part.slice(1);
  const text = /^".*"$/.test(part) ? part.slice(1, -1) : part;
  return text
    .replaceAll('$(pwd)', '$PWD')
    .replaceAll(
      /\$(?:\{(\w+)\}|(\w+))/g,
      (whole, braced?: string, bare?: string) => environment[braced ?? bare ?? ''] ?? whole,
    );
}
