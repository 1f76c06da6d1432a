# Runs a command that must not outlive whoever started it. Usage: watchdog GRACE COMMAND...
# Standard input is a pipe that the starter holds open: when it ends, for whatever reason, COMMAND gets
# TERM and, GRACE seconds later, KILL; after a line that says KILL it gets KILL at once.
# Standard output is held open, unused, until COMMAND has ended; COMMAND writes to standard error.
# Ends with COMMAND's status.
grace=$1; shift
exec 3<&0
"$@" </dev/null >&2 3<&- &
child=$!
(
  word=
  read -r word <&3
  if [ "$word" != KILL ]; then
    kill -TERM "$child"
    tenths=$((grace * 10))
    while [ "$tenths" -gt 0 ] && kill -0 "$child"; do
      sleep 0.1
      tenths=$((tenths - 1))
    done
  fi
  kill -KILL "$child"
) 2>/dev/null &
guard=$!
exec 3<&-
wait "$child"
status=$?
kill "$guard" 2>/dev/null
exit "$status"
