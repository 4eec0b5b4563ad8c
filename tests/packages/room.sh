# Roots with Postfix and the packages, and systemd in them; sourced by run, autopkgtests and upgrade, which set $codename.

roots=()
booted= keep=${keep:-no}
cleanup() {
  [ -z "$booted" ] || kill -9 "$booted" 2> /dev/null || true  # and with it all that runs in its namespaces
  [ $keep = yes ] && echo "kept: ${roots[*]}" || rm -rf "${roots[@]}"
}
trap cleanup EXIT

step() { printf '\n== %s (after %d s)\n' "$*" $SECONDS; }

# quietly COMMAND...: its words only if it fails.
quietly() {
  local said=$root/quiet.log
  "$@" > "$said" 2>&1 || { tail -n 30 "$said"; return 1; }
}

new_root() {  # sets $root: a bare one
  root=$(bare_root "$codename")
  roots+=("$root")
}

copy_of() {  # copy_of ROOT: sets $root
  root=$(mktemp -d "/var/tmp/mailpool-$codename-XXXXXX")
  roots+=("$root")
  chmod 755 "$root"
  cp -a --reflink=auto "$1/." "$root"
}

# apt_in_root COMMANDS: shell, with apt for itself: its archives are shared among the roots of a release.
apt_in_root() { (flock 9; in_root "$root" sh -ec "apt-get update -q; $1") 9> "$lab_cache/$codename/apt-lock"; }

# boot SECONDS SCRIPT...: a shell's script in $root (a path there, and arguments), with systemd as process 1, after all that
# starts by itself (Sendmail's service makes its configuration then); its exit code.
boot() {
  local patience=$1 end
  shift
  rm -f "$root/usr/sbin/policy-rc.d" "$root/root/ended" "$root/root/booted.log"
  cat > "$root/etc/systemd/system/booted.service" <<UNIT
[Service]
Type=exec
ExecStart=/bin/sh -c 'systemctl is-system-running --wait; exec /bin/bash $*'
StandardOutput=append:/root/booted.log
StandardError=append:/root/booted.log
Environment=DEBIAN_FRONTEND=noninteractive HOME=/root
ExecStopPost=/bin/sh -c 'echo "\$\$EXIT_STATUS" > /root/ended'
UNIT
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -sf ../booted.service "$root/etc/systemd/system/multi-user.target.wants/booted.service"
  (alone_in_root "$root" /lib/systemd/systemd --log-target=console --show-status=0) > "$root/root/boot.log" 2>&1 &
  booted=$!
  end=$((SECONDS + patience))
  until [ -s "$root/root/ended" ] || [ $SECONDS -ge $end ] || ! kill -0 $booted 2> /dev/null; do
    sleep 0.5
  done
  kill -9 "$booted" 2> /dev/null || true
  wait "$booted" 2> /dev/null || true
  booted=
  cat "$root/root/booted.log" 2> /dev/null || tail "$root/root/boot.log"
  [ "$(cat "$root/root/ended" 2> /dev/null)" = 0 ] || { echo "FAILED: $* in $root (exit code $(cat "$root/root/ended" 2> /dev/null || echo "none within $patience s"))"; return 1; }
}
