#!/bin/bash
# Makes the root file system that all nodes share: Debian trixie with Slurm, CRIU and a few users.
#   build-root.sh FOLDER         called by cluster.sh in a mount and pid namespace of its own
set -euo pipefail
root=$1
packages=(slurmd slurmctld slurm-client tini rsync nodejs python3-minimal procps psmisc iproute2 util-linux tar perl-base b3sum
  openssh-server openssh-client sshfs fuse3 busybox btrfs-progs)

# The mirror this machine uses itself, if it is a Debian machine; else debootstrap knows one.
configured_mirror() (
  # shellcheck source=/dev/null
  . /etc/os-release 2>/dev/null || return 0
  [ "${ID:-}" = debian ] && command -v apt-get >/dev/null || return 0
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="$VERSION_CODENAME" '$1 == release && $2 == "main" { print $3; exit }'
)

inside() { chroot "$root" "$@"; }
install_packages() {
  inside apt-get -o Acquire::Check-Valid-Until=false update
  inside apt-get install -y --no-install-recommends "$@"
  inside apt-get clean
}

mirror=$(configured_mirror)
debootstrap --variant=minbase trixie "$root" ${mirror:+"$mirror"}

# Nothing is started by being installed.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
install_packages "${packages[@]}"

# CRIU 4.1 (trixie) can't dump TCP sockets on kernels >= 6.16; 4.2 can. forky's Release file may be out of date.
sed 's/trixie/forky/g' "$root/etc/apt/sources.list" > "$root/etc/apt/sources.list.d/forky.list"
printf 'Package: *\nPin: release n=forky\nPin-Priority: 100\n' > "$root/etc/apt/preferences.d/forky"
install_packages -t forky criu

inside groupadd -g 3000 lab
inside useradd -m -s /bin/bash -u 2001 -G lab alice
inside useradd -m -s /bin/bash -u 2002 -G lab bob
inside usermod -p '*' alice                      # no password, but not "locked" either: sshd would turn it away
inside usermod -p '*' bob

inside getent passwd slurm >/dev/null || inside useradd -r slurm
head -c 1024 /dev/urandom > "$root/etc/slurm/slurm.key"
chmod 600 "$root/etc/slurm/slurm.key"
inside chown slurm: /etc/slurm/slurm.key

install -d -m 700 "$root/root/.ssh"
inside ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
inside ssh-keygen -A
install -m 644 "$root/root/.ssh/id_ed25519.pub" "$root/etc/ssh/authorized_keys"

# Where each node mounts its own; /net belongs to root, so that nobody writes there when the network disk is away.
mkdir -p "$root"/{shared,local,oldroot,net,net-bob,srv/net,srv/net-bob}
: > "$root/etc/resolv.conf"                      # the nodes know each other and nobody else
