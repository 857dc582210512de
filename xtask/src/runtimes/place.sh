# The first daemon's way into a mount namespace of its own: $1 is the directory
# with the runtimes' data, $2 where cargo builds; the rest is the daemon.
#
# What is mounted here is seen here only, and is gone with the last process.
set -e
own=$1 target=$2
shift 2

# Holds the two while the directories that they may be in are covered.
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir /dev/shm/own /dev/shm/target
mount --bind "$own" /dev/shm/own
mount --bind "$target" /dev/shm/target

# Sockets, pid files and states of the machine's own daemons.
mount -t tmpfs -o mode=755 tmpfs /run

# Read as they are; what is written stays here (dockerd makes a key below /etc,
# containerd a directory below /opt, a kubelet one below /var/log).
for dir in /etc /opt /var/lib /var/log; do
	layer=/dev/shm/layers$dir
	mkdir -p "$layer/upper" "$layer/work"
	mount -t overlay -o "lowerdir=$dir,upperdir=$layer/upper,workdir=$layer/work" overlay "$dir"
done
for name in docker containerd containers; do
	mkdir -p "/dev/shm/own/$name" "/var/lib/$name"
	mount --bind "/dev/shm/own/$name" "/var/lib/$name"
done
mkdir -p "$target"
mount --bind /dev/shm/target "$target"
umount /dev/shm/own /dev/shm/target

exec "$@"
