#!/bin/sh
# Waits for one word from the job's TaskProlog, as root, detached, with the Prolog's environment: "start" makes it the job's agent.
# The Prolog says "made" when the bell is there; closing its output, which is the Prolog's pipe, tells the Prolog that it stands on its own. Nobody can make it
# keep more than a few megabytes.
root=/run/slurm-checkpointer
prefix=${0%/libexec/*}
bell=$root/$SLURM_JOB_ID.bell
cd / || exit 1
IFS= read -r word && [ "$word" = made ] || exit 0
exec <>"$bell" >/dev/null 2>&1
# shellcheck disable=SC3045 # every sh of Linux knows ulimit -S
ulimit -S -v 16384
IFS= read -r word
# shellcheck disable=SC3045 # as above
ulimit -S -v unlimited
rm -f "$bell"
[ "$word" = start ] || exit 0
run=$root/$SLURM_JOB_ID
rm -rf "$run"
mkdir -m 711 "$run" && mkdir -m 700 "$run/user.new" && chown "$SLURM_JOB_UID:$SLURM_JOB_GID" "$run/user.new" &&
  mv "$run/user.new" "$run/user" && mkfifo "$run/resumed" || exit 1
# Node reserves address space far beyond what it uses, and its heap is small here.
exec "$prefix/node" --max-semi-space-size=1 --max-old-space-size=128 "$prefix/lib/agent.js" </dev/null
