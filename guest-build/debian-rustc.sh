#!/usr/bin/env bash
# Unpacks Debian's WebAssembly compiler and the sources of its standard library below the folder $1, and prints the path
# of the compiler. Nothing is installed. A second call finds what the first one left.
set -euo pipefail

# The one place for the pins: compiler and library sources must be of one version, built with this LLVM.
version=1.96.0
series=1.96
llvm=22

mkdir -p "$1"
folder=$(cd "$1" && pwd)/$version
rustc=$folder/rustc
if [ -x "$rustc" ]; then
  echo "$rustc"
  exit
fi

# All work happens in a folder of its own, which gets its name at the very end: what bears the name is whole.
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

download() {
  (cd "$work" && apt-get -qq download "rustc-web=$version*" "libstd-rust-web-$series=$version*" \
    "libstd-rust-web-dev=$version*" "rust-web-src=$version*" "libllvm$llvm") >&2
}
echo "guests: fetching Debian's rustc-web $version (131 MB)" >&2
if ! download 2>/dev/null; then
  echo "guests: not in the package lists; apt-get update" >&2
  apt-get -qq update >&2
  download
fi

for package in "$work"/*.deb; do
  case $package in
    # Of the sources only the library, and the link that shows the compiler where it is.
    *rust-web-src*) dpkg --fsys-tarfile "$package" |
      tar -C "$work" -x --wildcards './usr/src/rustc-*/library' ./usr/lib/rustlib/src/rust ;;
    *) dpkg -x "$package" "$work" ;;
  esac
  rm "$package"
done

cat >"$work/rustc" <<'RUSTC'
#!/bin/sh
# Runs the compiler with its own libraries, wherever this folder lies.
here=$(cd "$(dirname "$0")" && pwd)
for libraries in "$here"/usr/lib/*-linux-gnu; do
  LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$here/usr/bin/rustc" "$@"
RUSTC
chmod +x "$work/rustc"
"$work/rustc" --version >&2

# Another call may have been faster; its folder is as good.
mv -T "$work" "$folder" 2>/dev/null || [ -x "$rustc" ]
echo "$rustc"
