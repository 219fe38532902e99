#!/bin/bash
# ./install.sh --demo: what has to be there before Node's packages are; then demo.ts goes on. As root, on Debian with Node.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

fail() { echo "demo: $*" >&2; exit 1; }

# quietly WHAT COMMAND...: its output is shown only when it fails
quietly() {
  local what=$1 log
  shift
  echo "demo: $what"
  log=$(mktemp)
  "$@" </dev/null >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; fail "this did not work: $what (its output is above)"; }
  rm -f "$log"
}

install_packages() {
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

[ "$(id -u)" = 0 ] || fail 'a cluster can only be made by root: sudo ./install.sh --demo'
command -v node >/dev/null || fail 'there is no Node: install the package nodejs, version 20.19 or newer'
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node $(node --version) is too old: install nodejs, version 20.19 or newer"

declare -A package_of=([npm]=npm [debootstrap]=debootstrap [ip]=iproute2 [unshare]=util-linux)
missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ "${#missing[@]}" = 0 ] || quietly "Installing with apt: ${missing[*]}" install_packages "${missing[@]}"

# npm writes the second file at the end of each install, so that it is newer than what was installed.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  quietly "Installing Node's packages (npm ci)" npm ci
fi
exec node_modules/.bin/tsx test/demo/demo.ts
