#!/bin/sh
# criu's action script: it runs as criu does, at each of criu's stages, of which two matter (criu(8), --action-script).
run=$CHECKPOINTER_RUN
case $CRTOOLS_SCRIPT_ACTION in
post-dump)
  # The tree is frozen and its memory written: the supervisor completes the checkpoint. Only after its "commit" does
  # criu end the tree; anything else, or the supervisor's end, lets the tree run on. It holds both FIFOs open.
  echo frozen >"$run/user/frozen" || exit 1
  read -r answer <"$run/user/commit" && [ "$answer" = commit ]
  ;;
pre-resume)
  # Everything is restored and nothing of the user's has run: the agent looks at each task. Failing here does not stop
  # criu, so without the agent's word within a minute all that this user may end in the namespace is ended.
  echo restored >"$run/resumed"
  tries=0
  until [ -e "$run/verdict" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 3000 ]; then
      kill -9 -1
      exit 1
    fi
    sleep 0.02
  done
  ;;
esac
