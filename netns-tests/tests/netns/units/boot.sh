#!/bin/sh
# systemd as the first process of namespaces of its own, with this repository's units and programs installed there. The
# machine's files stay as they are: what is written goes to a folder in memory.
# sh boot.sh FOLDER REPOSITORY PROGRAMS
set -e
if [ "$4" != inside ]; then
  mkdir "$1/cgroup"
  mount -t cgroup2 cgroup2 "$1/cgroup"
  own=$(mktemp -d "$1/cgroup/tandem-units-XXXXXX")
  sh -c 'echo 0 > "$0/cgroup.procs"; exec unshare --mount --pid --ipc --cgroup --fork --kill-child sh "$@" inside' \
    "$own" "$0" "$1" "$2" "$3" || true
  find "$own" -depth -type d -exec rmdir {} \;
  exit 0
fi
mount --make-rprivate /
mount -t proc proc /proc
umount -R /sys/fs/cgroup 2> /dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in etc usr var; do
  mkdir "$1/$folder" "$1/$folder.work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$1/$folder,workdir=$1/$folder.work" "/$folder"
done
mount -t tmpfs -o mode=755 tmpfs /run
# Nothing of the distribution's is started: its targets are here by name only.
units=/run/units
mkdir -p "$units" /etc/tandem /etc/keepalived
for target in sysinit basic shutdown sockets network-online multi-user; do
  printf '[Unit]\nDefaultDependencies=no\n' > "$units/$target.target"
done
cp "$2"/systemd/tandem-*.service "$2"/systemd/tandem-*.socket "$units"
for program in tandem-lb tandem-vrrp tandem-vrrp-launch; do
  rm -f "/usr/sbin/$program"
  touch "/usr/sbin/$program"
  mount --bind "$3/$program" "/usr/sbin/$program"
done
systemd-sysusers "$2/systemd/sysusers.d/tandem-lb.conf" "$2/systemd/sysusers.d/tandem-vrrp.conf"
echo "systemd begins"
container=tandem SYSTEMD_UNIT_PATH=$units exec /lib/systemd/systemd --system --unit=multi-user.target --log-target=console
