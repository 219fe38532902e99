# Sourced by install.sh: what slurm.conf says, and what it is to say. Uses $here, $prefix and $conf (a file, or empty).
# shellcheck shell=sh disable=SC2154

# What is configured, as far as it can be seen from here: the controller's word, and files.
slurm_says() {
  timeout 10 scontrol show config 2> /dev/null || true
  for file in "$conf" "${SLURM_CONF:-}" /etc/slurm/slurm.conf /run/slurm/conf/slurm.conf; do
    [ ! -f "$file" ] || grep -v '^[[:space:]]*#' "$file" || true
  done
}

fragment() { sed "s|@PREFIX@|$prefix|" "$here/etc/slurm.conf.fragment"; }
lines_with() { grep -i "^[[:space:]]*$1[[:space:]]*=" "$conf"; }
conflicts() {
  fragment | grep -v '^#' | while IFS='=' read -r key value; do
    if lines_with "$key" > /dev/null && ! lines_with "$key" | grep -qF "$value"; then
      printf '  %s, where %s is needed\n' "$(lines_with "$key")" "$key=$value"
    fi
  done
}
# Each line that FILE lacks, with the comment above it.
lacking_lines() {
  comment=''
  fragment | while IFS= read -r line; do
    case $line in
      '#'*) comment=$comment$line'
' ;;
      *)
        lines_with "${line%%=*}" > /dev/null || printf '%s%s\n' "$comment" "$line"
        comment=''
        ;;
    esac
  done
}
add_to_conf() {
  lines=$(lacking_lines)
  [ -z "$lines" ] || printf '\n%s\n' "$lines" >> "$conf"
}

# One line for each setting with which jobs can't be saved or restored.
warnings() {
  says=$(slurm_says)
  value() { printf '%s\n' "$says" | grep -i "^ *$1 *="; }
  ! value ProctrackType | grep -qv proctrack/cgroup || echo 'jobs can be saved only with ProctrackType=proctrack/cgroup'
  ! value PrologFlags | grep -qi RunInJob || echo 'no job can be saved with RunInJob among the PrologFlags'
  ! value SlurmdSpoolDir | grep -q '%[nh]' || echo 'no job can be restored elsewhere with %n or %h in SlurmdSpoolDir'
  # It ends before it does anything where it can't load what --json takes (scontrol.c:main; seen with 24.11: by SIGSEGV).
  { ! timeout 10 scontrol version || timeout 10 scontrol --json version; } > /dev/null 2>&1 ||
    echo 'this Slurm was built without JSON: a job whose supervisor is killed has to be requeued by hand'
}
