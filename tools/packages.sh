# What has to be installed, and installing it; sourced by tools/check and tools/demo.

build_packages=(cmake ninja-build g++ ccache pkg-config git libfmt-dev libexpected-dev libevent-dev libssl-dev libcurl4-openssl-dev libunbound-dev
  nettle-dev libicu-dev libre2-dev libsqlite3-dev libsystemd-dev libtomlplusplus-dev nlohmann-json3-dev libcli11-dev libmilter-dev)
# clang 14 is the compiler of preset dev; the rest is for the tests and their private mail servers.
test_packages=(clang libclang-rt-14-dev llvm clang-format clang-tidy libboost-test-dev python3 python3-pytest
  python3-dnslib python3-aiosmtpd python3-apparmor python3-prometheus-client python3-fastjsonschema logrotate jq mypy openssl mandoc miltertest strace)
# The Debian packages: building, checking and trying them.
packaging_packages=(dpkg-dev debhelper dh-apparmor dh-python lintian apparmor systemd debootstrap mandoc man-db)
# The private Postfix is unpacked, not installed (tools/lab/packages.py).
demo_packages=(python3 python3-dnslib)

# install_packages yes|no PACKAGE...: installs what is missing, or only names it.
install_packages() {
  local wanted=$1 missing=() name
  shift
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    echo "all of ${#@} packages are installed"
    return 0
  fi
  echo "missing: ${missing[*]}"
  if [ "$wanted" = no ] || [ "$(id -u)" != 0 ]; then
    echo "install them with: apt-get install --no-install-recommends ${missing[*]}"
    return 1
  fi
  apt-get update -q > /dev/null &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" > /dev/null
}
