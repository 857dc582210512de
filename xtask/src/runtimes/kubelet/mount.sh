# The kubelet's way into a mount namespace of its own, below that of the runtimes:
# $1 is a directory of ours; the rest is the kubelet.
#
# A kubelet sets these for the whole machine unless they are as it wants them, so
# here they are. It also mounts its directory upon itself, which ends with it.
set -e
own=$1
shift

mkdir -p "$own"
while read -r name value; do
	mkdir -p "$own/$(dirname "$name")"
	echo "$value" >"$own/$name"
	mount --bind "$own/$name" "/proc/sys/$name"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

exec "$@"
