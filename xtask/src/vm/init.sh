#!/usr/bin/busybox sh
# PID 1 of a guest: mounts what a Linux machine has, runs the jobs in /vm/jobs,
# turns the machine off.
#
# ttyS0 is the kernel's console, ttyS1 what the jobs print, ttyS2 what xtask is
# told: "ready", "end JOB CODE FROM TO" (seconds of uptime), "done".
#
# Where there is a jobs.service, systemd is PID 1 afterwards, and that service is
# this script again, with "jobs" for an argument.
export PATH=/usr/bin HOME=/root

boot() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
	# What udev makes elsewhere, and programs count on.
	ln -s /proc/self/fd /dev/fd
	ln -s fd/0 /dev/stdin
	ln -s fd/1 /dev/stdout
	ln -s fd/2 /dev/stderr
	mkdir -p /dev/pts /dev/shm
	mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t securityfs securityfs /sys/kernel/security
	mount -t bpf bpf /sys/fs/bpf
	mount -t tracefs tracefs /sys/kernel/tracing
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
		echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
	done
	ip link set lo up
	hostname guest
	stty -F /dev/ttyS1 raw -echo
	stty -F /dev/ttyS2 raw -echo
}

tell() { echo "$@" >/dev/ttyS2; }

# job NAME PROGRAM ARGS: in a session of its own, as from a terminal.
job() {
	name=$1
	shift
	read -r from _ </proc/uptime
	setsid "$@" </dev/null >/dev/ttyS1 2>&1
	code=$?
	read -r to _ </proc/uptime
	tell end "$name" "$code" "$from" "$to"
}

# terminal ROWS COLUMNS: a shell for a person.
terminal() {
	stty -F /dev/ttyS1 sane rows "$1" columns "$2"
	setsid -c sh -i </dev/ttyS1 >/dev/ttyS1 2>&1
	tell end shell $? 0 0
}

if [ "$1" != jobs ]; then
	boot
	tell ready
	[ ! -e /etc/systemd/system/jobs.service ] || exec /usr/lib/systemd/systemd
fi
. /vm/jobs
# Sets nothing new, but waits for what is still being printed.
stty -F /dev/ttyS1 raw -echo
tell "done"
reboot -f
