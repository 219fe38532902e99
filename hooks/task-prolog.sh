#!/bin/sh
# TaskProlog: the user, once a task of every step, with the job's environment; its output is Slurm's protocol. Of a job
# that asked for us, the batch script gets the supervisor in its place. Tells the doorbell either way.
root=/run/slurm-checkpointer
prefix=${0%/hooks/*}/current
batch=
while IFS= read -r line; do
  case $line in */step_batch | */step_batch/*) batch=yes && break ;; esac
done </proc/self/cgroup
[ -n "$batch" ] || exit 0
spool='' problem='the Prolog has not prepared this node'
# shellcheck source=/dev/null # written by prolog.js
[ ! -e $root/site ] || . $root/site
id=$SLURM_JOB_ID
case ${#id} in 1) id=0000$id ;; 2) id=000$id ;; 3) id=00$id ;; 4) id=0$id ;; esac
script=$spool/job$id/slurm_script
bell=$root/$SLURM_JOB_ID.bell
if [ "${SLURM_RESTART_COUNT:-0}" != 0 ] && [ ! -p "$bell" ] && [ ! -e "$root/$SLURM_JOB_ID.asked" ]; then
  # No Prolog has run: slurmd knows the job from before this node lost its power (SlurmdSpoolDir/cred_state). What
  # the job's comment says can only be asked for.
  unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS LD_PRELOAD LD_LIBRARY_PATH
  exec "$prefix/node" "$prefix/lib/task-prolog.js" "$script" no-prolog
fi
if [ -z "$SLURM_CHECKPOINT$RESULT_FOLDER" ] && [ ! -e "$root/$SLURM_JOB_ID.asked" ] &&
  ! /usr/bin/grep -qE '^[[:blank:]]*export[[:blank:]]+(SLURM_CHECKPOINT|RESULT_FOLDER)=' "$script" 2>/dev/null; then
  # Opened for reading, too, so that it never blocks.
  [ ! -p "$bell" ] || echo no 1<>"$bell"
  exit 0
fi
[ ! -p "$bell" ] || echo start 1<>"$bell"
# The doorbell makes the run folder as soon as it is rung.
user=$root/$SLURM_JOB_ID/user tries=0
until [ -n "$problem" ] || [ -d "$user" ]; do
  tries=$((tries + 1))
  [ $tries -le 1000 ] || problem='the agent of this node does not answer'
  /usr/bin/sleep 0.005
done
# Puts the stub of lib/slurm/spool.ts in front of the script's text, in place. What fails leaves the script as it was, to Node, which
# tells what is wrong: a start of Node is spared to all others.
put_stub() {
  [ -f "$script" ] && [ ! -L "$script" ] && cd -P "$prefix" && /usr/bin/cat "$script" >"$user/script" || return 1
  ! /usr/bin/grep -qF "$stub_end" "$user/script" || return 1
  { printf '#!%s\n%s\n' "$PWD/libexec/batch-task" "$stub_end" && /usr/bin/cat "$user/script"; } 1<>"$script" && return 0
  /usr/bin/cat "$user/script" 1<>"$script"
  /usr/bin/truncate -r "$user/script" "$script"
  return 1
}
stub_end='# slurm-checkpointer: the job script follows, and is put back before it runs'
[ -n "$problem" ] || ! put_stub 2>/dev/null || exit 0
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS LD_PRELOAD LD_LIBRARY_PATH
exec "$prefix/node" "$prefix/lib/task-prolog.js" "$script" "$problem"
