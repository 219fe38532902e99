#!/bin/sh
# Process 1 of a restored tree's namespaces, as root: namespace-init LAST_PID OLD_SCRIPT NEW_SCRIPT COMMAND...
mount -t proc proc /proc || exit 71
# New processes, criu's own first, get numbers above all of the tree's.
echo "$1" >/proc/sys/kernel/ns_last_pid || exit 72
if [ "$2" != "$3" ]; then
  # SlurmdSpoolDir differs from node to node (%n): bash has the script open under its old path.
  mkdir -p "${2%/*}" && : >>"$2" && mount --bind "$3" "$2" || exit 73
fi
shift 3
cd / || exit 74
umask 077
exec tini -- "$@"
