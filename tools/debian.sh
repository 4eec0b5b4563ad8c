# Releases of Debian as roots of their own, and this tree in them; sourced by tools/check, packaging/build-deb and tests/packages.
#
# A root is what debootstrap --variant=minbase gives, from the mirror of this machine's own apt sources, and nothing else:
# a package that a developer's machine happens to have is missing there. It is kept as an archive, packages in a cache.

lab_cache=${MAILPOOL_LAB_CACHE:-/var/cache/mailpool-lab}

# debian_codename RELEASE: what the mirror calls it.
debian_codename() {
  case $1 in
    12|bookworm) echo bookworm ;;
    13|trixie) echo trixie ;;
    testing) echo testing ;;
    *) echo "mailpool is not tried on Debian $1, but on 12, 13 and testing" >&2; return 2 ;;
  esac
}

# debian_here: the release of this machine; testing has no number yet.
debian_here() { (. /etc/os-release && echo "${VERSION_ID:-testing}"); }

debian_mirror() {
  local found
  [ -z "${MAILPOOL_MIRROR:-}" ] || { echo "$MAILPOOL_MIRROR"; return 0; }
  for _ in lists new-lists; do
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 'Component: main' |
      sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
    [ -z "$found" ] || { echo "$found"; return 0; }
    apt-get update -q > /dev/null 2>&1 || true  # a machine without lists
  done
  echo "apt's sources name no mirror of Debian; MAILPOOL_MIRROR=URL does" >&2
  return 1
}

# bare_archive CODENAME: makes the archive where there is none; prints its path. Exit code 75: this machine's mirror gives none.
bare_archive() {
  local directory=$lab_cache/$1 mirror scratch
  mkdir -p "$directory"
  (
    flock 9
    [ ! -e "$directory/minbase.tar" ] || exit 0
    mirror=$(debian_mirror) || exit 1
    scratch=$(mktemp -d "$directory/.root-XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    echo "debootstrap of $1, once; it is kept in $directory" >&2
    case $mirror in https:*) set -- "$1" --include=ca-certificates ;; *) set -- "$1" ;; esac
    if ! debootstrap --variant=minbase "${@:2}" "$1" "$scratch/root" "$mirror" > "$scratch/log" 2>&1; then
      tail "$scratch/log" >&2
      echo "debootstrap of $1 failed: without it nothing can be tried there" >&2
      exit 75
    fi
    tar -C "$scratch/root" -cf "$scratch/minbase.tar" . && mv "$scratch/minbase.tar" "$directory/minbase.tar"
  ) 9> "$directory/lock" && echo "$directory/minbase.tar"
}

# bare_root CODENAME: unpacks one in a new directory of /var/tmp, which it prints; the caller removes it.
bare_root() {
  local archive root
  archive=$(bare_archive "$1") || return
  root=$(mktemp -d "/var/tmp/mailpool-$1-XXXXXX")
  chmod 755 "$root"
  tar -C "$root" -xf "$archive" || return 1
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  apt-config dump Acquire | grep -i '::proxy' > "$root/etc/apt/apt.conf.d/01proxy" || true
  # dpkg need not wait for a disk: nobody will want this root after a power failure.
  echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"  # no service starts where nobody asked for it
  chmod 755 "$root/usr/sbin/policy-rc.d"
  mkdir -p "$lab_cache/$1/archives/partial" "$lab_cache/ccache" "$root/$lab_cache"
  cat > "$root/etc/apt/apt.conf.d/02archives" <<CONF
Dir::Cache::archives "$lab_cache/$1/archives";
Binary::apt::APT::Keep-Downloaded-Packages "true";
CONF
  echo "$root"
}

# in_root ROOT COMMAND...: with this machine's network; in place of a (sub)shell, as the next one.
in_root() { enter_root "" "$@"; }
# alone_in_root ROOT COMMAND...: with no network but loopback; a systemd can be process 1.
alone_in_root() { enter_root "--net --cgroup" "$@"; }

enter_root() {
  local spaces=$1 root=$2 tools
  tools=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
  shift 2
  # shellcheck disable=SC2086
  exec unshare --mount --pid --ipc --uts $spaces --fork --kill-child --propagation private bash -euc '
    root=$1 tools=$2 cache=$3 spaces=$4
    shift 4
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mount --rbind /dev "$root/dev"
    mount --bind "$cache" "$root/$cache"
    if [ -n "$spaces" ]; then
      mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
      PYTHONPATH=$tools /usr/bin/python3 -c "from lab.room import raise_loopback; raise_loopback()"
    fi
    mount --make-rshared /  # else systemd cannot hand credentials to its services
    hostname sender
    exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive MAILPOOL_LAB_CACHE="$cache" CCACHE_DIR="$cache/ccache" \
      CCACHE_SLOPPINESS=pch_defines,time_macros chroot "$root" "$@"' \
    enter "$root" "$tools" "$lab_cache" "$spaces" "$@"
}

# copy_tree DIRECTORY: this checkout's files there, without what was built: the tracked and the new ones.
copy_tree() {
  mkdir -p "$1"
  tree_files | tar --null --files-from=- --create --file=- | tar -x -C "$1"
}

# tree_files: their names, each ended by NUL, from the top of the tree.
tree_files() {
  if [ -e .git ] && git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard
  else
    find . -path ./build -prune -o -name __pycache__ -prune -o -type f -print0
  fi | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done
}
