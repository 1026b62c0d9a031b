#!/usr/bin/env bash
# Makes sure that what the tests, the demo and the benchmark start is there: installs what is missing where it may,
# says what to install where it may not. Never touches what is already there.
# usage: tests/prepare.sh postgresql|curl|psycopg|pgbouncer|squid ...
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}

have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

server_found() {
  have initdb && have postgres && return
  local bin
  for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin; do
    [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && return
  done
  return 1
}

install_packages() {
  local as_root=()
  if ! have apt-get; then
    echo "exeat: $* not found and this system has no apt-get: install it with the system's package manager, then run again" >&2
    exit 69
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "exeat: $* not found: run 'sudo apt-get install $*', then run again" >&2
      exit 69
    fi
    as_root=(sudo -n)
  fi
  echo "installing $* (apt-get)"
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq </dev/null
  # No cluster is created and no service is started: the package's binaries are all that is used.
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@" </dev/null >/dev/null
}

psycopg_ready() { "$target/venv/bin/python" -c 'import psycopg' 2>/dev/null; }

missing=()
for thing in "$@"; do
  case "$thing" in
    postgresql)
      server_found || missing+=(postgresql)
      have psql || missing+=(postgresql-client)
      have openssl || missing+=(openssl) ;;
    curl) have curl || missing+=(curl ca-certificates) ;;
    pgbouncer) have pgbouncer || missing+=(pgbouncer)
      have pgbench || missing+=(postgresql-contrib) ;;
    squid) have squid || missing+=(squid) ;;
    psycopg) have python3 || missing+=(python3 python3-venv) ;;
    *) echo "exeat: prepare.sh: unknown thing '$thing'" >&2; exit 64 ;;
  esac
done
if [ ${#missing[@]} -gt 0 ]; then install_packages "${missing[@]}"; fi

case " $* " in *" psycopg "*)
  if ! psycopg_ready; then
    echo "installing psycopg into $target/venv (PyPI)"
    if ! python3 -m venv "$target/venv" 2>/dev/null; then
      install_packages python3-venv
      python3 -m venv "$target/venv"
    fi
    "$target/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]>=3.2,<4' </dev/null
    psycopg_ready || { echo "exeat: psycopg can't be imported after its installation in $target/venv" >&2; exit 69; }
  fi
esac
