#!/bin/bash
# Turns into pid 1 of a node: called by cluster.sh in the namespaces and cgroups made for it.
#   boot-node.sh NODE ADDRESS CLUSTER
set -euo pipefail
node=$1 address=$2 cluster=$3
root=$cluster/root own=$cluster/nodes/$node

# What survives a power cut is in $own, under the same path as in the node; /tmp is emptied at boot.
rm -rf --one-file-system "$own/tmp"
mkdir -p "$own"/{tmp,local,var/tmp,var/log/slurm,var/spool/slurmd,var/spool/slurmctld}
chmod 1777 "$own"/{tmp,local,var/tmp}

hostname "$node"
mount --bind "$root" "$root"
cd "$root"

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
for controller in freezer memory cpuset; do
  mkdir "sys/fs/cgroup/$controller"
  mount -t cgroup -o "$controller" cgroup "sys/fs/cgroup/$controller"
done
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mkdir -m 1777 run/lock
mkdir run/sshd

# A /dev of its own, or the nodes would share the machine's /dev/log.
mount -t tmpfs -o mode=755,nosuid tmpfs dev
while read -r name major minor; do
  mknod -m 666 "dev/$name" c "$major" "$minor"
done <<'DEVICES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
fuse 10 229
DEVICES
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

# Programs that ask whether the machine has been restarted since ask for this.
cat proc/sys/kernel/random/uuid > run/boot_id
mount --bind run/boot_id proc/sys/kernel/random/boot_id

for folder in tmp local var/tmp var/log var/spool; do mount --bind "$own/$folder" "$folder"; done
mount --bind "$cluster/shared" shared
if [ "$node" = ctl ]; then
  mount --bind "$cluster/net" srv/net
  mount --bind "$cluster/net-bob" srv/net-bob
fi

pivot_root . oldroot
umount -l /oldroot

chown slurm: /var/spool/slurmctld /var/log/slurm
if [ "$node" = ctl ]; then
  chown alice: /srv/net
  chown bob: /srv/net-bob
fi

ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done     # cluster.sh plugs the cable in
ip address add "$address/24" dev eth0
ip link set eth0 up

start() { /usr/local/sbin/start-daemon "$@"; }
start syslogd busybox syslogd -n -s 0 -O /var/log/slurm/syslog
[ "$node" != ctl ] || start sshd /usr/sbin/sshd -D
start
start net /usr/local/sbin/mount-net alice /net
start net-bob /usr/local/sbin/mount-net bob /net-bob

# From now on only buries the dead: the kernel does that by itself for a process that ignores SIGCHLD. The name says to
# cluster.sh that the node is up.
exec perl -e '$SIG{CHLD} = "IGNORE"; $0 = "init"; sleep while 1'
