#!/bin/bash
# A job of the torture: job.sh PROGRAM STEPS SECONDS MEGABYTES STATUS. A second argument list with no seconds between the steps
# does the same work at once: that run says what is right. It begins by removing what a run without a checkpoint has left, as the README asks.
set -u
program=$1 steps=$2 seconds=$3 megabytes=$4 status=$5
label=${SLURM_ARRAY_TASK_ID:-0}
here=$PWD
rm -rf "data/$label" "${TMPDIR:?}/$label"
mkdir -p "data/$label" "$TMPDIR/$label"
export INSIDE=$TMPDIR/$label
cd "data/$label" || exit 99
echo begin
case $program in
  *.py) python3 -u "$here/$program" "$steps" "$seconds" "$megabytes" || exit 98 ;;
  *) bash "$here/$program" "$steps" "$seconds" || exit 98 ;;
esac
echo end
exit "$status"
