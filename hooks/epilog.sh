#!/bin/sh
# Epilog: root, once a node, when every process of the job is gone. Ends a doorbell that nobody rang, and goes on to Node for jobs that
# took part. Ends with 0 whatever happens: anything else would drain the node.
PATH=/usr/bin:/bin:/usr/sbin:/sbin
root=/run/slurm-checkpointer
prefix=${0%/hooks/*}/current
if [ -e "$root/$SLURM_JOB_ID.asked" ]; then
  # slurmd, back after its node lost its power, ends the run that it had behind the Prolog of the next one: then all that is here is that one's.
  IFS= read -r run <"$root/$SLURM_JOB_ID.asked" || run=0
  [ "$run" -le "${SLURM_JOB_RESTART_COUNT:-0}" ] || [ -d "$root/$SLURM_JOB_ID" ] || exit 0
  rm -f "$root/$SLURM_JOB_ID.asked"
fi
if [ -p "$root/$SLURM_JOB_ID.bell" ]; then
  # The user may have filled the FIFO, and hold it open from elsewhere: then nothing can be said, and nobody waits for it.
  # shellcheck disable=SC2016  # the inner shell expands it
  timeout 2 sh -c 'echo end 1<>"$1"' - "$root/$SLURM_JOB_ID.bell" || :
  rm -f "$root/$SLURM_JOB_ID.bell"
fi
[ -d "$root/$SLURM_JOB_ID" ] || exit 0
# In a session of its own: where a delivery takes longer than PrologEpilogTimeout, or slurmd has to go, slurmd kills the Epilog's process
# group, and no other Epilog comes.
setsid "$prefix/node" "$prefix/lib/epilog.js" </dev/null >/dev/null 2>&1
exit 0
