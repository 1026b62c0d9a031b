#!/usr/bin/env bash
# Makes sure that what the tests, the demo and the benchmark start is there: installs what is missing where it may,
# says what to install where it may not. Never touches what is already there.
# usage: tests/prepare.sh postgresql|curl|psycopg|pgbouncer|squid|programs-core|programs ...
# `programs-core` adds the packages of the languages that are here (their tests skip what is not); `programs` installs the languages too.
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

jdbc_found() { [ -f /usr/share/java/postgresql.jar ]; }
ruby_ready() { ruby -e "require 'pg'; require 'active_record'" 2>/dev/null; }
pgx_source=/usr/share/gocode/src/github.com/jackc/pgx/v4

# Python and Node packages of the programs' days, as listed in tests/programs/packages/$1.*; again where the list changed.
install_programs() {
  local lists=$PWD/tests/programs/packages set=$1
  if [ "$(cat "$target/venv/.programs" 2>/dev/null)" != "$set $(cat "$lists"/*.txt | cksum)" ]; then
    echo "installing the $set Python packages of the programs into $target/venv (PyPI)"
    "$target/venv/bin/pip" install --quiet --disable-pip-version-check -r "$lists/$set.txt" </dev/null
    echo "$set $(cat "$lists"/*.txt | cksum)" >"$target/venv/.programs"
  fi
  if have npm && ! cmp -s "$lists/$set.json" "$target/programs/node/package.json"; then
    echo "installing the $set packages of the programs into $target/programs/node (npm)"
    mkdir -p "$target/programs/node"
    # Into place last: a listing that is there says that what it lists is there.
    cp "$lists/$set.json" "$target/programs/node/package.json"
    if ! (cd "$target/programs/node" && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts </dev/null); then
      rm -f "$target/programs/node/package.json"
      exit 69
    fi
  fi
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
    psycopg|programs-core) have python3 || missing+=(python3 python3-venv) ;;
    programs) have python3 || missing+=(python3 python3-venv)
      have psql || missing+=(postgresql-client)
      have node || missing+=(nodejs npm)
      have javac || missing+=(default-jdk-headless)
      jdbc_found || missing+=(libpostgresql-jdbc-java)
      ruby_ready || missing+=(ruby ruby-pg ruby-activerecord)
      have go || missing+=(golang-go)
      [ -d "$pgx_source" ] || missing+=(golang-github-jackc-pgx-v4-dev) ;;
    *) echo "exeat: prepare.sh: unknown thing '$thing'" >&2; exit 64 ;;
  esac
done
if [ ${#missing[@]} -gt 0 ]; then install_packages "${missing[@]}"; fi

case " $* " in *" psycopg "*|*" programs"*)
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

case " $* " in
  *" programs "*)
    install_programs all
    if have go && [ -d "$pgx_source" ]; then
      mkdir -p "$target/programs/pgx"
      (cd tests/programs/days/pgx && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$target/programs/gocache" go build -o "$target/programs/pgx/day" main.go)
    fi ;;
  *" programs-core "*)
    # What `make test-programs` installed is more than this, and stays.
    if grep -qs '^all ' "$target/venv/.programs"; then install_programs all; else install_programs core; fi ;;
esac
