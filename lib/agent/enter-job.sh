#!/bin/sh
# Becomes a process of the job, as root still: enter-job [limit=NAME=SOFT:HARD | oom=SCORE | CGROUP.PROCS]... -- COMMAND...
while [ "$1" != -- ]; do
  case $1 in
  # A limit that root may not raise stays as it is; criu restores what lies below.
  limit=*) prlimit --pid $$ "--${1#limit=}" 2>/dev/null ;;
  # Ours is slurmd's, which is spared when memory runs out; whoever sets it as root sets the least that the user may choose, too.
  oom=*) echo "${1#oom=}" >/proc/self/oom_score_adj ;;
  *) echo $$ >"$1" || exit 70 ;;
  esac
  shift
done
shift
exec "$@"
