#!/bin/bash
# The scenes of docs/peers.md. Run as root; nobody but their own processes is signalled.
#   peers.sh          five signals to PID 1 of a PID namespace, of which four are dropped
#   peers.sh late     PID 1 blocks SIGTERM, gets one, and unblocks it later
#   peers.sh refused  three kill(2) of an ordinary process, of which two fail
set -u
case ${1-} in
'')
    init=(bash -c 'trap "" HUP; sleep 60; :')
    ;;
refused)
    sleep 60 &
    setpriv --reuid=65534 --clear-groups kill -TERM $!    # another user's: EPERM
    kill -KILL $!                                         # the end
    wait $!
    kill -TERM $!                                         # nobody's any more: ESRCH
    exit
    ;;
*)
    init=(perl -MPOSIX -e 'my $s = POSIX::SigSet->new(SIGTERM); sigprocmask(SIG_BLOCK, $s); sleep 3;
        sigprocmask(SIG_UNBLOCK, $s); sleep 1; print "PID 1 has unblocked SIGTERM, and lives\n"')
    ;;
esac
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
