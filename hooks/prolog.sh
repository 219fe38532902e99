#!/bin/sh
# Prolog: root, once a node, before the job's environment or script can be seen. So it leaves a doorbell for the job: a small shell
# that blocks on a FIFO until the TaskProlog says whether the job takes part. Ends with 0 whatever happens: anything else would
# drain the node (Slurm: prolog_epilog). No user of a job is root's equal, and root's own jobs take no part.
PATH=/usr/bin:/bin:/usr/sbin:/sbin
root=/run/slurm-checkpointer
prefix=${0%/hooks/*}/current
[ "$SLURM_JOB_UID" != 0 ] || exit 0
# shellcheck disable=SC3013 # every sh of Linux knows -nt
if [ ! -e $root/site ] || [ /etc/slurm-checkpointer/checkpointer.ini -nt $root/site ]; then
  # First job since the node started or the configuration changed.
  "$prefix/node" "$prefix/lib/prolog.js" </dev/null >/dev/null 2>&1
fi
case " $SLURM_JOB_COMMENT " in
*[\ ,]checkpoint[\ ,=]* | *[\ ,]results=*) echo "${SLURM_JOB_RESTART_COUNT:-0}" >"$root/$SLURM_JOB_ID.asked" ;;
esac
umask 077
problem='the Prolog could not prepare this node'
# shellcheck source=/dev/null # written by prolog.js
[ ! -e $root/site ] || . $root/site
[ -z "$problem" ] || exit 0
bell=$root/$SLURM_JOB_ID.bell
[ ! -e "$bell" ] || rm -f "$bell"
# slurmd kills the Prolog's process group, and waits until nobody holds its output: the doorbell closes this pipe as soon as it stands
# in a session of its own. It starts while the bell is made, and hears of that through its input: without that word it ends.
: "$({ mkfifo "$bell" && chown "$SLURM_JOB_UID" "$bell" && echo made; } 2>/dev/null | setsid -f "$prefix/libexec/doorbell" 2>/dev/null)"
exit 0
