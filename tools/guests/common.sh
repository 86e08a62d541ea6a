# Sourced by every script of this folder: each makes one result, once, and the results survive clones.
#
#   result NAME INPUT...   names the result and what it depends on, in files; ends the script when the result exists
#   ...                    the script leaves its files in $work
#   publish                makes them the result
#
# A result is a folder of the cache, named for a hash of its inputs, of the script and of this file. Each file in it is
# linked from build/guests/. The script prints the folder's path on its standard output, and progress on standard error.
set -euo pipefail
exec </dev/null # `make run` runs these with the guest's input on its standard input
umask 022
PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
links=$top/build/guests
cache=${XDG_CACHE_HOME:-$HOME/.cache}/orrery/guests
# Every file of a guest carries this time (2023-06-10, the release of Debian 12), so that its images are reproducible.
export SOURCE_DATE_EPOCH=1686355200

say() { echo "guests: $*" >&2; }
die() { say "$*"; exit 1; }

need_commands() {
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null || die "$command is missing: run tools/setup test"
  done
}

result() {
  result_name=$1
  shift
  local key
  key=$(cat "$0" "$here/common.sh" "$@" | sha256sum | cut -c1-16)
  folder=$cache/$result_name-$key
  [ -d "$folder" ] && finish
  mkdir -p "$cache"
  exec {lock}>"$cache/.$result_name.lock"
  flock "$lock"
  [ -d "$folder" ] && finish
  # Holding the lock, nobody else works on this result: what is here was left by a run that was killed.
  local left
  for left in "$cache/.work-$result_name".*; do discard "$left"; done
  work=$(mktemp -d "$cache/.work-$result_name.XXXXXX")
  chmod 755 "$work"
  trap 'discard "$work"' EXIT
  trap 'exit 1' INT TERM HUP
}

discard() {
  # debootstrap keeps these mounted while it works.
  umount --quiet "$1"/root/{proc,sys} 2>/dev/null || true
  rm -rf "$1"
}

publish() {
  mv -T "$work" "$folder"
  finish
}

finish() {
  mkdir -p "$links"
  local file
  for file in "$folder"/*; do
    link "$file" "$links/$(basename "$file")"
  done
  echo "$folder"
  exit 0
}

# A disk image is copied, for its guest will write to it; everything else is a link into the cache. Replaced at once,
# so that a guest started meanwhile finds the old file or the new one.
link() {
  local source=$1 target=$2 stamp
  case $source in
    *.raw)
      stamp=$links/.$(basename "$target").from
      if [ -f "$target" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$folder" ]; then return; fi
      cp --sparse=always --reflink=auto "$source" "$target.$$"
      mv -T "$target.$$" "$target"
      echo "$folder" >"$stamp"
      ;;
    *)
      [ "$(readlink "$target")" = "$source" ] && return
      ln -s "$source" "$target.$$"
      mv -T "$target.$$" "$target"
      ;;
  esac
}
