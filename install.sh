#!/bin/bash
# Installs slurm-checkpointer on this node. As root, on every node that runs slurmd:
#   ./install.sh [--prefix DIR]     copies the built suite (npm run build) to DIR, default /opt/slurm-checkpointer
#   ./install.sh --demo             on any Debian machine with Node and root: builds everything, a cluster included, and shows it at work
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
prefix=/opt/slurm-checkpointer
settings=/etc/slurm-checkpointer

fail() { echo "install.sh: $*" >&2; exit 1; }

usage() {
  sed -n '2,4s/^# \{0,1\}//p' "$0"
}

# name of a program or feature, and the Debian package that brings it
missing=()
need() {
  command -v "$1" >/dev/null || missing+=("$1: install the package $2")
}

version_at_least() { # HAVE WANTED
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

check_prerequisites() {
  need criu criu
  need tini tini
  need rsync rsync
  need tar tar
  need b3sum b3sum
  need logger bsdutils
  need mkfifo coreutils
  for tool in nsenter unshare setpriv setsid prlimit taskset; do need "$tool" util-linux; done
  need scontrol slurm-client
  if command -v node >/dev/null; then
    local node_version
    node_version=$(node --version)
    version_at_least "${node_version#v}" 20.19 || missing+=("node: version ${node_version#v} is older than 20.19, install a newer nodejs")
  else
    missing+=("node: install the package nodejs, version 20.19 or newer")
  fi
  local kernel
  kernel=$(uname -r)
  version_at_least "${kernel%%-*}" 5.9 || missing+=("the kernel: $kernel is older than 5.9, which brought CAP_CHECKPOINT_RESTORE: upgrade it")
  [ -e /proc/self/ns/time ] || missing+=("the kernel: it has no time namespaces (CONFIG_TIME_NS): use one that has")
  if [ "${#missing[@]}" -gt 0 ]; then
    echo "install.sh: nothing was installed, for this node lacks:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 1
  fi
  # Slurm's tools run from jobs, too; criu 4.1 cannot save network sockets under new kernels.
  local criu_version
  criu_version=$(criu --version | sed -n 's/^Version: //p')
  if version_at_least "${kernel%%-*}" 6.16 && ! version_at_least "$criu_version" 4.2; then
    echo "install.sh: warning: criu $criu_version cannot save jobs with network sockets under kernel $kernel; criu 4.2 can" >&2
  fi
}

# The hooks start Node by this name, whatever PATH they have. It may have moved since this version was installed.
link_node() { # FOLDER
  ln -sfn "$(readlink -f "$(command -v node)")" "$1/node.new"
  mv -T "$1/node.new" "$1/node"
}

# Each version has a folder of its own, which running jobs keep to; `current` is turned to the new one in one step, so a hook that starts
# meanwhile finds the old suite or the new one, whole.
copy_suite() {
  [ -d "$here/dist" ] || fail "there is no build in $here/dist: run 'npm ci && npm run build' first"
  local id versions=$prefix/versions
  id=$(find "$here/dist" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
  local new=$versions/$id
  mkdir -p "$versions"
  if [ ! -e "$new" ]; then
    rm -rf "$new.partial"
    cp -r "$here/dist" "$new.partial"
    chown -R root:root "$new.partial"
    chmod -R u=rwX,go=rX "$new.partial"
    mv "$new.partial" "$new"
  fi
  link_node "$new"
  ln -sfn "versions/$id" "$prefix/current.new"
  mv -T "$prefix/current.new" "$prefix/current"
  # A folder in its place would take the link into itself, and go on being what Slurm runs.
  [ -L "$prefix/hooks" ] || rm -rf "${prefix:?}/hooks"
  ln -sfn current/hooks "$prefix/hooks"
  chmod 755 "$prefix" "$versions"
  remove_old_versions "$versions" "$id"
}

# A version goes when no process on this node runs from it.
remove_old_versions() { # FOLDER KEPT
  local old
  for old in "$1"/*; do
    [ "$old" != "$1/$2" ] || continue
    grep -qsF -- "$old/" /proc/[0-9]*/cmdline || rm -rf "$old"
  done
}

# An ini that the admin has edited is never touched; a new default lies beside it.
copy_settings() {
  mkdir -p "$settings"
  local default=$settings/checkpointer.ini.default ini=$settings/checkpointer.ini
  if [ ! -e "$ini" ] || { [ -e "$default" ] && cmp -s "$ini" "$default"; }; then
    install -m 644 "$here/dist/etc/checkpointer.ini" "$ini"
    # What slurm.conf says of the same things, if Slurm answers.
    local config spool kill_wait
    config=$(scontrol show config 2>/dev/null) || config=
    spool=$(sed -n 's/^SlurmdSpoolDir *= *//p' <<<"$config")
    kill_wait=$(sed -n 's/^KillWait *= *\([0-9]*\) sec$/\1/p' <<<"$config")
    [ -z "$spool" ] || [ "$spool" = /var/spool/slurmd ] || sed -i "s|^;slurmd_spool = .*|slurmd_spool = $spool|" "$ini"
    [ -z "$kill_wait" ] || [ "$kill_wait" = 30 ] || sed -i "s|^;kill_wait = .*|kill_wait = 0:$kill_wait|" "$ini"
    install -m 644 "$ini" "$default"
  else
    install -m 644 "$here/dist/etc/checkpointer.ini" "$settings/checkpointer.ini.new"
    echo "install.sh: $ini was edited and stays as it is; the new default is $ini.new" >&2
  fi
  # Makes the next Prolog read the configuration anew, and make the node's folders.
  rm -f /run/slurm-checkpointer/site
}

[ "$#" -le 2 ] || { usage >&2; exit 2; }
case ${1:-} in
'') ;;
--prefix)
  [[ ${2:-} =~ ^/[A-Za-z0-9._/+-]{1,100}$ ]] || fail "--prefix is \"${2:-}\", but must be an absolute folder of plain letters"
  prefix=${2%/}
  ;;
--demo) exec bash "$here/test/demo/demo.sh" ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || fail "it has to be run as root"
check_prerequisites
copy_suite
copy_settings
cat <<SAY
slurm-checkpointer is installed in $prefix; its configuration is $settings/checkpointer.ini.
Add these lines to slurm.conf on all nodes and run 'scontrol reconfigure':

$(sed "s|/opt/slurm-checkpointer|$prefix|; /^#/d; /^$/d" "$here/dist/etc/slurm.conf")
SAY
