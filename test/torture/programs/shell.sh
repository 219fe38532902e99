#!/bin/bash
# Pipes, loops, subshells, a FIFO and background processes, in the middle of which it is saved.
steps=$1 seconds=$2
produce() {
  for ((i = 1; i <= steps; i++)); do
    echo "$i"
    sleep "$seconds"
  done
}
total=0
produce | tee produced.txt | while read -r number; do
  ((total += number * number))
  # Opened and closed again each time, which only TMPDIR may be.
  echo "$total" >>"$INSIDE/totals.txt"
  printf '%s squared, ' "$number"
  echo "$total in all"
done | sed -u 's/^/line: /'
mkfifo "$INSIDE/fifo"
(
  while read -r word; do echo "heard $word"; done <"$INSIDE/fifo"
  exit 3
) &
for word in one two three; do
  echo "$word"
  sleep "$seconds"
done >"$INSIDE/fifo"
wait $!
echo "listener: $?"
rm "$INSIDE/fifo"
