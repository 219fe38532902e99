#!/bin/bash
# A disposable Slurm cluster on one machine: ctl (slurmctld) and the nodes n1 and n2, for people and for tests.
#
#   npm run -s cluster -- up                  build it if need be, start what is off or stands still, wait until it takes jobs
#   npm run -s cluster -- down                everything off; what is on the nodes' disks stays
#   npm run -s cluster -- exec NODE -- CMD... run CMD as root in a node: stdin, stdout, stderr and exit status are CMD's
#   npm run -s cluster -- off NODE            as if the power went: every process of the node is gone at once
#   npm run -s cluster -- on NODE             boot it again: /run, /dev/shm and /tmp are empty, uptime starts anew
#   npm run -s cluster -- unplug NODE         its network is cut; it lives on, with its disk and /shared
#   npm run -s cluster -- plug NODE           the network is back
#   npm run -s cluster -- install             this working tree, built, on every node through install.sh; hooks in force
#   npm run -s cluster -- build               make the nodes' root file system, and no more
#
# Needs root, Linux with cgroup v1's freezer, memory and cpuset, and Debian's archive for the first build. Everything is
# in ${CHECKPOINTER_CLUSTER:-/var/tmp/slurm-checkpointer-cluster}, nothing else of the machine is changed:
#   root/              the nodes' common / (as /home, /opt and /etc: one for all three)
#   shared/            /shared of every node
#   net/, net-bob/     what is behind /net and /net-bob: network disks (sshfs from ctl) of alice and of bob, where nobody
#                      else gets in, not even root, as on NFS with root_squash (but a file that is open while ctl goes
#                      off gives EIO from then on: sshfs, unlike NFS, can't open it again)
#   nodes/NODE/        the node's own disk: tmp, local, var/tmp, var/spool, var/log; so its logs are
#                      nodes/n1/var/log/slurm/{slurmd.log,syslog,*.console}, nodes/ctl/var/log/slurm/slurmctld.log and
#                      jobcomp.log there (one line for each job that has ended)
# Users: alice (2001) and bob (2002), both in group lab (3000) too.
#
# Every node has its own pid, mount, network, UTS, IPC, cgroup and time namespace: uptimes differ by days, pids and /dev/log
# are its own. In a node, /usr/local/sbin/start-daemon (re)starts its slurmd or slurmctld as boot does: after
# `exec n1 -- pkill -9 --parent 1 slurmd`, do `exec n1 -- /usr/local/sbin/start-daemon`.
set -euo pipefail
umask 022

here=$(dirname "$(readlink -f "$0")")
repository=$(readlink -f "$here/../..")
cluster=${CHECKPOINTER_CLUSTER:-/var/tmp/slurm-checkpointer-cluster}
root=$cluster/root

recipe=3                                        # count up when build-root.sh changes: the next `up` builds anew
nodes=(ctl n1 n2)
declare -A address=([ctl]=10.77.0.1 [n1]=10.77.0.11 [n2]=10.77.0.12)
declare -A ahead=([ctl]=0 [n1]=500000 [n2]=1000)   # seconds their clocks since boot are ahead of this machine's
# Clusters in other folders can be up at the same time: what has a name on this machine is named for the folder.
tag=
[ "$cluster" = /var/tmp/slurm-checkpointer-cluster ] || tag=$(cksum <<<"$cluster" | cut -c1-4)
prefix=ckpt$tag cable=ck$tag bridge=ckpt${tag}br
controllers=(freezer memory cpuset)
plain_environment=(env -i --default-signal PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "TERM=${TERM:-dumb}")

say()  { echo "cluster: $*" >&2; }
fail() { say "$*"; exit 1; }
usage() {
  [ $# = 0 ] || say "$*"
  echo "usage: npm run -s cluster -- up | down | exec NODE -- CMD... | off NODE | on NODE | unplug NODE | plug NODE | install | build   (NODE: ${nodes[*]})" >&2
  exit 2
}

# Runs a command without the caller's stray descriptors: they would end up in jobs, and make them undumpable.
clean() {
  local fd
  for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || exec {fd}>&-
  done
  exec "$@"
}

# Two of us at once would build, or boot, the same thing twice.
lock() {
  mkdir -p "$cluster"
  exec {lock_fd}>"$cluster/lock"
  flock -n "$lock_fd" || { say "waiting for another cluster command to end"; flock "$lock_fd"; }
}

# --- what this machine must have ------------------------------------------------------------------------------------

require() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "this machine lacks ${missing[*]}: please install"
  say "installing ${missing[*]}"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >&2 ||
    fail "could not install ${missing[*]}: please install by hand"
}

require_cgroups() {
  local controller
  for controller in "${controllers[@]}"; do
    [ -e "/sys/fs/cgroup/$controller/cgroup.procs" ] ||
      fail "the nodes need cgroup v1's $controller at /sys/fs/cgroup/$controller, which this machine hasn't mounted"
  done
}

# --- the root file system -------------------------------------------------------------------------------------------

built() { [ "$(cat "$root/.built" 2>/dev/null)" = "$recipe" ]; }

build() {
  built && return
  down                                          # an older root may be in use
  require debootstrap:debootstrap unshare:util-linux
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || require no-such-command:debian-archive-keyring
  say "building the nodes' root file system in $root; this takes some minutes (log: $cluster/build.log)"
  local partial=$root.partial
  rm -rf --one-file-system "$partial" "$root"
  # In namespaces of its own, and killed when this script is: whatever it mounts or starts is gone when it ends, however it
  # ends, and the next build doesn't meet it.
  ( clean "${plain_environment[@]}" LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
      setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
      bash "$here/build-root.sh" "$partial" </dev/null >"$cluster/build.log" 2>&1 ) ||
    { tail -n 20 "$cluster/build.log" >&2; fail "the build failed; its end is above, the whole log in $cluster/build.log"; }
  echo "$recipe" > "$partial/.built"
  mv "$partial" "$root"
}

# Configuration and small scripts, new at every `up`: to change them needs no new build.
refresh_root() {
  cp -R --no-preserve=ownership,timestamps "$here/overlay/." "$root/"
  # Not empty, for then every Slurm command would say so.
  [ -s "$root/etc/slurm/checkpointer.conf" ] || echo '# filled by: npm run -s cluster -- install' > "$root/etc/slurm/checkpointer.conf"
  mkdir -p "$cluster"/{shared,net,net-bob}
  chmod 1777 "$cluster/shared"
  copy_node
}

# The Node of this machine, if it is all in one file, as nodejs.org's: most sites have that one, and three of them start in the time that
# Debian's takes, which has no snapshot of its own start. Else the nodes have Debian's.
copy_node() {
  local node copy=$root/usr/local/bin/node
  node=$(readlink -f "$(command -v node)")
  [ "$node" -nt "$copy" ] || [ "$node" -ot "$copy" ] || return 0
  cp --preserve=timestamps --no-preserve=ownership "$node" "$copy.new"
  if ! ldd "$node" | grep -q libnode && chroot "$root" /usr/local/bin/node.new --version >/dev/null 2>&1; then
    mv "$copy.new" "$copy"
  else
    rm -f "$copy.new" "$copy"
  fi
}

# --- nodes ----------------------------------------------------------------------------------------------------------

check_node() { [[ -n ${1:-} && -n ${address[$1]:-} ]] || usage "there is no node \"${1:-}\""; }

# The node's pid 1, as this machine numbers it. Asked for at each `exec`, so it is remembered, and looked at again each time.
init_of() {
  local pids pid noted=$cluster/nodes/$1/init
  [ -e "/sys/fs/cgroup/freezer/$prefix-$1/cgroup.procs" ] || return 1
  if [ -e "$noted" ] && read -r pid <"$noted" && is_init "$pid" "$1"; then
    echo "$pid"
    return
  fi
  # All at once: while processes come and go, a file that is read line by line skips some.
  pids=$(<"/sys/fs/cgroup/freezer/$prefix-$1/cgroup.procs")
  for pid in $pids; do
    is_init "$pid" "$1" || continue
    echo "$pid" >"$noted"
    echo "$pid"
    return
  done
  return 1
}

# is_init PID NODE: in the node's own cgroup, and pid 1 of a namespace right below ours
is_init() {
  local status groups
  { mapfile -t status <"/proc/$1/status" && mapfile -t groups <"/proc/$1/cgroup"; } 2>/dev/null || return 1
  [[ " ${groups[*]} " == *":freezer:/$prefix-$2 "* && " ${status[*]} " =~ [[:space:]]NSpid:[[:space:]]+$1[[:space:]]+1[[:space:]]NSpgid: ]]
}

booted() {
  local pid
  pid=$(init_of "$1") && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = init ]
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
  local until=$((SECONDS + $1)); shift
  until "$@"; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.1
  done
}

enter_cgroups() {
  local controller
  for controller in "${controllers[@]}"; do
    echo "$BASHPID" > "/sys/fs/cgroup/$controller/$prefix-$1/cgroup.procs"
  done
}

make_cgroups() {
  local controller group file
  for controller in "${controllers[@]}"; do
    group=/sys/fs/cgroup/$controller/$prefix-$1
    mkdir -p "$group"
    [ "$controller" = cpuset ] || continue
    for file in cpuset.cpus cpuset.mems; do cat "/sys/fs/cgroup/cpuset/$file" > "$group/$file"; done
  done
}

remove_cgroups() {
  local controller group
  for controller in "${controllers[@]}"; do
    group=/sys/fs/cgroup/$controller/$prefix-$1
    [ ! -e "$group" ] || find "$group" -depth -type d -exec rmdir {} +
  done
}

# The command: a node whose power came back. Its clocks since boot start anew.
on() {
  local node=$1 uptime
  booted "$node" && return
  # Real machines take longer to boot than slurmctld takes to see that they are down (SlurmdTimeout). Ours doesn't: slurmctld
  # would believe for minutes that what ran there still runs.
  [ "$node" = ctl ] || ! booted ctl ||
    (node_exec ctl timeout 5 scontrol update nodename="$node" state=down reason="power cut") >/dev/null 2>&1 || true
  read -r uptime _ </proc/uptime
  boot "$node" $((1 - ${uptime%.*}))
}

# boot NODE SECONDS: its clocks since boot are SECONDS ahead of this machine's
boot() {
  local node=$1 offset=$2 pid
  booted "$node" && return
  off "$node"                                   # a boot that got stuck half-way
  make_cgroups "$node"
  mkdir -p "$cluster/nodes/$node"
  ( enter_cgroups "$node"                       # before its cgroup namespace is made: this becomes the root of it
    clean "${plain_environment[@]}" setsid unshare --mount --uts --pid --net --ipc --cgroup --time \
      --monotonic "$offset" --boottime "$offset" --fork --kill-child --propagation private \
      bash "$here/boot-node.sh" "$node" "${address[$node]}" "$cluster" </dev/null >"$cluster/nodes/$node/boot.log" 2>&1 ) &
  wait_for 10 init_of "$node" >/dev/null || fail "$node did not start: $(cat "$cluster/nodes/$node/boot.log")"
  pid=$(init_of "$node")
  ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
  ip link set "$bridge" up
  ip link add "$cable-$node" type veth peer name eth0 netns "$pid"
  ip link set "$cable-$node" master "$bridge" up
  wait_for 10 booted "$node" || fail "$node did not boot: $(cat "$cluster/nodes/$node/boot.log")"
}

# Nothing of the node runs any more. Frozen processes die only when they are thawed.
dead() {
  local group=/sys/fs/cgroup/freezer/$prefix-$1
  [ -e "$group" ] || return 0
  find "$group" -mindepth 2 -name freezer.state -exec sh -c 'for f; do echo THAWED > "$f"; done' - {} + 2>/dev/null || true
  [ -z "$(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]
}

off() {
  local node=$1 pid
  ip link del "$cable-$node" 2>/dev/null || true    # first: a dead machine doesn't take leave of its peers
  if pid=$(init_of "$node"); then kill -9 "$pid" 2>/dev/null || true; fi
  wait_for 15 dead "$node" || fail "$node does not die: $(cat "/sys/fs/cgroup/freezer/$prefix-$node/cgroup.procs")"
  remove_cgroups "$node"
}

node_exec() {
  local node=$1 pid; shift
  booted "$node" || fail "$node is off (npm run -s cluster -- up, or on $node)"
  pid=$(init_of "$node")
  enter_cgroups "$node"                         # or what it starts (a slurmd) would be outside its own cgroup namespace
  clean "${plain_environment[@]}" nsenter -t "$pid" -m -u -n -i -p -C -T -- "$@"
}

unplug() { ip link set "$cable-$1" down; }
plug() { ip link set "$cable-$1" up; }

# --- the cluster ----------------------------------------------------------------------------------------------------

slurmctld_answers() { (node_exec ctl timeout 5 scontrol ping) 2>/dev/null | grep -q 'is UP'; }
slurmd_answers() { (node_exec "$1" timeout 5 scontrol show slurmd) >/dev/null 2>&1; }

# Both nodes take jobs.
slurm_ready() {
  local states
  states=$( (node_exec ctl sinfo -h -N -p main -n n1,n2 -o %T) 2>/dev/null) || return 1
  [ "$(grep -cxE 'idle|mixed|allocated|completing|planned' <<<"$states")" = 2 ]
}

# Asked as its owner: a mount that isn't served yet, or not any more, doesn't count.
net_ready() {
  (node_exec "$1" grep -q " $3 fuse" /proc/mounts) &&
    (node_exec "$1" timeout 5 setpriv --reuid "$2" --regid "$2" --clear-groups stat "$3") >/dev/null 2>&1
}

wait_until_ready() {
  local node
  for node in "${nodes[@]}"; do
    { wait_for 30 net_ready "$node" alice /net && wait_for 30 net_ready "$node" bob /net-bob; } ||
      { show_logs; fail "the network disks don't come up on $node; the logs' ends are above"; }
  done
  wait_for 60 slurm_ready ||
    { show_logs; (node_exec ctl sinfo -N -o '%N %T %E') >&2; fail "the nodes don't become idle; the logs' ends are above"; }
}

show_logs() {
  local node
  for node in "${nodes[@]}"; do
    tail -n 12 "$cluster/nodes/$node"/{boot.log,var/log/slurm/slurm*.log,var/log/slurm/net*.console} >&2 2>/dev/null || true
  done
}

up() {
  require ip:iproute2 nsenter:util-linux unshare:util-linux flock:util-linux setsid:util-linux
  require_cgroups
  build
  local node all_on=yes
  for node in "${nodes[@]}"; do booted "$node" || all_on=no; done
  [ $all_on = yes ] || refresh_root
  for node in "${nodes[@]}"; do
    boot "$node" "${ahead[$node]}"
    plug "$node"
  done
  wait_for 30 slurmctld_answers || revive ctl slurmctld slurmctld_answers
  for node in n1 n2; do
    wait_for 10 slurmd_answers "$node" || revive "$node" slurmd slurmd_answers "$node"
  done
  # Drained, or given up, by what went wrong last time.
  for node in n1 n2; do
    [[ ! $(node_exec ctl sinfo -h -n "$node" -o %T) =~ ^(drain|down|fail) ]] ||
      (node_exec ctl scontrol update nodename="$node" state=resume) || true
  done
  wait_until_ready
}

# revive NODE DAEMON QUESTION...: one that was killed, or stopped, and doesn't answer
revive() {
  local node=$1 daemon=$2; shift 2
  (node_exec "$node" pkill -CONT --parent 1 -x "$daemon(-wlm)?") || true
  (node_exec "$node" /usr/local/sbin/start-daemon)
  wait_for 30 "$@" || { show_logs; fail "$daemon doesn't answer; the logs' ends are above"; }
}

down() {
  local node
  for node in n1 n2 ctl; do off "$node"; done
  ip link del "$bridge" 2>/dev/null || true
}

# --- the project on the cluster -------------------------------------------------------------------------------------

install_project() {
  local node item source=$root/usr/src/slurm-checkpointer
  for node in "${nodes[@]}"; do booted "$node" || fail "$node is off: npm run -s cluster -- up"; done
  for item in package.json install.sh etc/slurm.conf; do
    [ -e "$repository/$item" ] || fail "nothing to install yet: there is no $item in $repository"
  done
  (cd "$repository" && clean npm run -s build) >&2 || fail "npm run build failed: nothing has been installed"
  [ -d "$repository/dist" ] || fail "npm run build made no dist in $repository"

  rm -rf --one-file-system "$source"
  install -d -m 700 "$source"
  for item in dist install.sh etc package.json; do cp -R --no-preserve=ownership "$repository/$item" "$source/"; done
  for node in "${nodes[@]}"; do
    (node_exec "$node" bash -c 'cd /usr/src/slurm-checkpointer && ./install.sh') >&2 || fail "install.sh failed on $node"
  done

  local fragment=$root/etc/slurm/checkpointer.conf
  mv "$fragment" "$fragment.before"
  cp --no-preserve=ownership,mode "$repository/etc/slurm.conf" "$fragment"
  local -A starts
  for node in n1 n2; do starts[$node]=$(slurmd_starts "$node"); done
  (node_exec ctl scontrol reconfigure) ||
    { mv "$fragment.before" "$fragment"; fail "Slurm refuses etc/slurm.conf, and goes on with the one before"; }
  # Each slurmd starts anew by itself, a moment later. (Restarting it by hand as well can end with the old one taking the new
  # one's socket along.)
  for node in n1 n2; do
    { wait_for 30 has_started_since "$node" "${starts[$node]}" && wait_for 20 slurmd_answers "$node"; } ||
      { show_logs; fail "slurmd on $node doesn't come back; the logs' ends are above"; }
  done
  wait_until_ready
  wait_for 10 hooks_in_force || fail "slurmctld doesn't use the hooks of etc/slurm.conf: see \`scontrol show config\`"
}

slurmd_starts() { grep -c 'slurmd started on' "$cluster/nodes/$1/var/log/slurm/slurmd.log" || true; }
has_started_since() { [ "$(slurmd_starts "$1")" -gt "$2" ]; }

# Every hook that the fragment names is what slurmctld names (as `Prolog[0] = /path`, or `TaskProlog = /path`).
hooks_in_force() {
  local config hook path
  config=$(node_exec ctl scontrol show config) || return 1
  while IFS='=' read -r hook path; do
    grep -qiE "^$hook(\[[0-9]+\])? *= $path *\$" <<<"$config" || return 1
  done < <(grep -iE '^ *(Task)?(Prolog|Epilog) *=' "$root/etc/slurm/checkpointer.conf" | tr -d ' ')
}

# --------------------------------------------------------------------------------------------------------------------

command=${1:-}
[ $# = 0 ] || shift
case $command in
  up | down | install | build) [ $# = 0 ] || usage "$command takes no arguments" ;;
  on | off | plug | unplug)
    check_node "${1:-}"
    [ $# = 1 ] || usage "$command takes one node" ;;
  exec)
    check_node "${1:-}"; node=$1; shift
    [ "${1:-}" != -- ] || shift
    [ $# -gt 0 ] || usage "exec needs a command" ;;
  '') usage ;;
  *)  usage "there is no command \"$command\"" ;;
esac
[ "$(id -u)" = 0 ] || fail "this must be run as root"
cd /

case $command in
  exec)    node_exec "$node" "$@" ;;
  install) lock; install_project ;;
  *)       lock; "$command" "$@" ;;
esac
