#!/bin/bash
# The scene of docs/peers.md: five signals to PID 1 of a PID namespace, of which the
# kernel drops four. Run as root; nobody outside of the namespace is signalled.
# With an argument PID 1 blocks SIGTERM first and unblocks it later, and gets one.
set -u
if [ $# -eq 0 ]; then
    init=(bash -c 'trap "" HUP; sleep 60; :')
else
    init=(perl -MPOSIX -e 'my $s = POSIX::SigSet->new(SIGTERM); sigprocmask(SIG_BLOCK, $s); sleep 3;
        sigprocmask(SIG_UNBLOCK, $s); sleep 1; print "PID 1 has unblocked SIGTERM, and lives\n"')
fi
unshare --pid --fork --mount-proc "${init[@]}" 2>/dev/null &
sleep 1
pid=$(pgrep -P $!)
if [ $# -eq 0 ]; then
    nsenter --target "$pid" --pid --mount kill -TERM 1    # from inside: dropped
    kill -TERM "$pid"                                     # from the host: dropped
    nsenter --target "$pid" --pid --mount kill -KILL 1    # from inside: dropped
    kill -HUP "$pid"                                      # it ignores SIGHUP: dropped
    sleep 0.5
    kill -KILL "$pid"                                     # from the host: the end, also of the sleep
else
    kill -TERM "$pid"                                     # queued, and dropped when it is unblocked
fi
wait $!
