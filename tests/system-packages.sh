#!/usr/bin/env bash
# Fetches what tests talk to and pip cannot bring. Nothing here fails the tests: what cannot be had is named, and the
# tests that need it count as skipped.
#
# Prometheus is unpacked from its Debian package beside the virtual environment instead of being installed: that needs
# no root and starts no service. The rest are ordinary tools; they are installed only as root or with a sudo that does not ask.
set -euo pipefail
target=$1

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi
}

update_once() {
  [ -n "${updated:-}" ] || as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update || return 1
  updated=yes
}

download() { (cd "$work" && apt-get -qq download "$1") >/dev/null 2>&1; }

skip() { echo "system: no $1 here, tests that need it are skipped ($2)"; }

if ! command -v prometheus >/dev/null && ! [ -x "$target/usr/bin/prometheus" ]; then
  if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    if download prometheus || { update_once && download prometheus; }; then
      mkdir -p "$target"
      dpkg-deb --extract "$work"/prometheus_*.deb "$target"
      echo "system: Prometheus unpacked into $target"
    else
      skip prometheus "apt-get update, then make test again"
    fi
  else
    skip prometheus "put prometheus and promtool on PATH"
  fi
fi

install() {
  if command -v apt-get >/dev/null && update_once &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null; then
    echo "system: installed $*"
  else
    skip "$*" "apt-get install $*"
  fi
}

declare -A package=([openssl]=openssl [curl]=curl [espeak-ng]=espeak-ng [ffmpeg]=ffmpeg [sox]=sox [systemd-analyze]=systemd [strace]=strace [mosquitto]=mosquitto)
missing=()
for tool in "${!package[@]}"; do
  command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
done
[ "${#missing[@]}" -eq 0 ] || install "${missing[@]}"

# Deepgram's JavaScript clients, and a browser for the one that is a web page: by themselves, as not every distribution has them.
command -v npm >/dev/null || install nodejs npm
command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || install chromium-headless-shell
