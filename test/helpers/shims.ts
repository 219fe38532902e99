import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';

import { outside } from './cluster.ts';

/** Programs that the suite runs. /usr/local/sbin comes first where it looks for them. */
const PROGRAMS = ['criu', 'tar', 'rsync', 'b3sum', 'cp', 'scontrol'] as const;
export type Shimmed = (typeof PROGRAMS)[number];

const ARMED = '/shared/tests/.shims';
const fileOf = (program: Shimmed): string => outside(`/usr/local/sbin/${program}`);

/**
 * What happens to a program, once: it is killed before it has done anything, or after so many seconds; it waits until it is let go, and then does its work,
 * or fails; it says that it has done its work, and has not; it is killed, and leaves a child; it is killed and takes the job's processes of some name along, as criu can; or it is killed when
 * it is so far as only criu's log tells, and then, too, may take some along. Or it fails each time from now on: for what more than one part
 * of the suite asks, and one part at moments of its own.
 */
export type Strike =
  | 'at once'
  | 'each time'
  | number
  | 'wait'
  | 'fail after a wait'
  | 'in vain'
  | 'but not its child'
  | `with ${string}`
  /** Its code goes into the tree's process of that number, the root being the first. */
  | `in process ${number}`
  | 'when all is saved'
  | `when all is saved with ${string}`;

/**
 * In the place of a program: the program itself, but for a job that a test has named, in whose words or folder its number stands: then a
 * strike (first word of the file that names it).
 */
const SHIM = (program: Shimmed): string => `#!/bin/sh
for armed in ${ARMED}/${program}.*; do
  [ -e "$armed" ] || break
  id=\${armed##*.}
  case " $* $PWD/ " in *"/$id/"* | *"/$id "* | *" $id "*) ;; *) continue ;; esac
  read -r how when <"$armed"
  case "$*" in *"$when"*) ;; *) continue ;; esac
  [ "$how" = each-time ] || rm -f "$armed"
  : >"${ARMED}/struck.${program}.$id"
  case $how in
  each-time) exit 1 ;;
  at-once) kill -9 $$ ;;
  in-vain) exit 0 ;;
  but-not-its-child)
    sleep 1000 &
    kill -9 $$
    ;;
  wait | fail-after-a-wait)
    while [ ! -e "${ARMED}/go.${program}.$id" ]; do sleep 0.1; done
    [ "$how" = wait ] || exit 1
    ;;
  with-*)
    tree=\${*##*--tree }
    pkill -TRAP --session "\${tree%% *}" --exact "\${how#with-}"
    kill -9 $$
    ;;
  # Killed is this very process, whose place the program takes; by nobody's child, for criu looks after its own.
  [0-9]*) setsid -f sh -c 'sleep "$0"; kill -9 "$1"' "$how" $$ </dev/null >/dev/null 2>&1 ;;
  *)
    images=\${*##*--images-dir }
    tree=\${*##*--tree }
    case $how in
    in-process-*)
      set -- 'Set up parasite blob' "\${how##*-}" "$@"
      ;;
    *) set -- 'Running post-dump scripts' 1 "$@" ;;
    esac
    setsid -f sh -c '
      until [ "$(grep -c "$0" "$2/dump.log")" -ge "$1" ]; do [ -e "/proc/$3" ] || exit; done
      kill -9 "$3"
      case $4 in *-with-*) pkill -TRAP --session "$5" --exact "\${4##*-with-}" ;; esac
    ' "$1" "$2" "\${images%% *}" $$ "$how" "\${tree%% *}" </dev/null >/dev/null 2>&1
    shift 2
    ;;
  esac
  break
done
for real in /usr/sbin/${program} /usr/bin/${program}; do [ ! -x $real ] || exec $real "$@"; done
`;

export async function putShims(): Promise<void> {
  await mkdir(outside(ARMED), { recursive: true });
  await chmod(outside(ARMED), 0o777);
  for (const name of await readdir(outside(ARMED))) await rm(outside(`${ARMED}/${name}`));
  for (const program of PROGRAMS) await writeFile(fileOf(program), SHIM(program), { mode: 0o755 });
}

export async function removeShims(): Promise<void> {
  for (const program of PROGRAMS) await rm(fileOf(program), { force: true });
}

/** @param when words among the program's own that tell which of its runs is meant */
export async function armShim(
  program: Shimmed,
  job: string,
  when: string,
  how: Strike,
): Promise<void> {
  const word = String(how).replaceAll(' ', '-');
  for (const before of ['struck', 'go']) {
    await rm(outside(`${ARMED}/${before}.${program}.${job}`), { force: true });
  }
  // At once: a program that found it empty would take it for a strike.
  const file = outside(`${ARMED}/new.${program}.${job}`);
  await writeFile(file, `${word} ${when}\n`);
  await rename(file, outside(`${ARMED}/${program}.${job}`));
}

/** Lets a program go that was to wait. */
export async function letGo(program: Shimmed, job: string): Promise<void> {
  await writeFile(outside(`${ARMED}/go.${program}.${job}`), '');
}

export async function shimHasStruck(program: Shimmed, job: string): Promise<boolean> {
  return stat(outside(`${ARMED}/struck.${program}.${job}`)).then(
    () => true,
    () => false,
  );
}
