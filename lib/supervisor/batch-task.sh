#!/bin/sh
# Runs in the job script's place (see lib/slurm/spool.ts) and becomes the supervisor, the process that Slurm watches. The environment that
# Slurm gave is kept, byte for byte, for the script; Node gets a clean one: NODE_OPTIONS or LD_PRELOAD are the script's affair.
prefix=${0%/libexec/*}
user=/run/slurm-checkpointer/$SLURM_JOB_ID/user
# A signal for the script that comes too early must not end the job; lib/supervisor/early-signal.ts has the rest of this.
early=
trap 'early=yes' USR1
unset LD_PRELOAD LD_LIBRARY_PATH
if [ -e "$user/environ" ]; then
  echo "[checkpointer] The job was not started: its script could not be put back in place; please report this"
  exit 75
fi
if ! /usr/bin/cat "/proc/$$/environ" >"$user/environ"; then
  echo "[checkpointer] The job was not started: $user cannot be written; ask the admin whether /run is full on $SLURMD_NODENAME"
  exit 75
fi
# Node undoes this when it can take the signal.
trap '' USR1
# shellcheck disable=SC3045 # every sh of Linux knows ulimit -S
exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" LC_ALL=C.UTF-8 \
  SLURM_JOB_ID="$SLURM_JOB_ID" SLURMD_NODENAME="$SLURMD_NODENAME" SLURM_RESTART_COUNT="${SLURM_RESTART_COUNT:-0}" \
  CHECKPOINTER_NOFILE="$(ulimit -S -n)" CHECKPOINTER_EARLY="$early" \
  "$prefix/node" --inspect-publish-uid=stderr --max-semi-space-size=1 --max-old-space-size=256 "$prefix/lib/supervisor.js" "$@"
