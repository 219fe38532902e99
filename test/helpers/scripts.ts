/** A script's command that waits for a file in the working directory. Not too often: dozens of them do it at a time. */
export const waitFor = (file: string): string => `until [ -e ${file} ]; do sleep 0.5; done`;

/** How long a move takes depends on the machine: scripts wait for it before they end. See Job.movedAround(). */
export const MOVED = waitFor('moved');

/** A script that counts, one number a second, is moved before the last two, and then ends in some way. */
export const counting = (count: number, end: string): string => `#!/bin/bash
for ((i = 1; i <= ${count}; i++)); do
  echo $i
  sleep 1
  ((i != ${count - 2})) || ${MOVED}
done
${end}
`;

/** What a counting script says. */
export const numbers = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('');
