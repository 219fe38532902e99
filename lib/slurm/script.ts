// The job's script, as far as it says what its owner wants.

/**
 * `export NAME=value …` lines, as the predecessor's users wrote them. Nothing is evaluated: quotes are taken off, and $NAME,
 * ${NAME}, $(pwd) and ~/ are filled in from the environment that the script starts with. What needs a shell stays as it is.
 */
export function exportsIn(
  script: string,
  names: readonly string[],
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  const words = [...script.matchAll(EXPORT)].flatMap(([, rest = '']) => rest.match(new RegExp(WORD, 'g')) ?? []);
  const assignments = words.flatMap((word) => {
    const [, name = '', value = ''] = /^(\w+)=([^]*)$/.exec(word) ?? [];
    return names.includes(name) ? [[name, meaningOfWord(value, environment)] as const] : [];
  });
  return Object.fromEntries(assignments);
}

/** What a shell's word is made of: quoted text, `$(…)`, `\x`, plain text, and what begins one of those but doesn't end it. */
const PART = /"[^"\n]*"|'[^'\n]*'|\$\([^()\n]*\)|\\.|(?:(?!\$\()[^\s;&|"'\\])+|[^\s;&|]/;

const WORD = `(?:${PART.source})+`;
const EXPORT = new RegExp(`^[ \\t]*export((?:[ \\t]+(?!#)${WORD})+)`, 'gm');

function meaningOfWord(word: string, environment: Readonly<Record<string, string>>): string {
  const { HOME } = environment;
  if (HOME !== undefined && /^~(\/|$)/.test(word)) return HOME + meaningOfWord(word.slice(1), environment);
  return (word.match(new RegExp(PART, 'g')) ?? []).map((part) => meaningOf(part, environment)).join('');
}

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
