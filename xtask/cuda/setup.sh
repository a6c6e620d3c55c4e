#!/usr/bin/env bash
# Puts what a CUDA build needs into the folder $1: CUDA 13.0's compiler and headers from Python wheels, and link
# libraries that open the real ones at the first call. $2 is the folder of cudarc's source. Nothing is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
home=$(cd "$1" && pwd)
cudarc=$2

# The driver's own version: what a newer compiler writes, a driver for 13.0 refuses.
pins='nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
nvidia-cuda-cccl==13.0.85 nvidia-curand==10.4.0.35'

if [ "$(cat "$home/.pins" 2>/dev/null || true)" != "$pins" ]; then
  echo 'cuda: fetching the compiler and headers of CUDA 13.0 (213 MB)' >&2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # shellcheck disable=SC2086
  python3 -m pip install -q --no-deps --only-binary=:all: --no-compile --root-user-action=ignore \
    --disable-pip-version-check --target "$work/site" $pins >&2
  rm -rf "$home"/{bin,lib,lib64,include,nvvm,.pins,.lazy}
  cp -a "$work/site/nvidia/cu13/." "$home/"
  # Of curand only the headers are needed, not its 128 MB library.
  rm -f "$home"/lib/libcurand.so.* "$home"/lib/libnvvm.so.4
  chmod +x "$home"/bin/* "$home"/nvvm/bin/*
  ln -sfn lib "$home/lib64"
  # The static runtime under the dynamic one's name: no libcudart at run time.
  ln -sfn libcudart_static.a "$home/lib/libcudart.so"
  printf '%s' "$pins" >"$home/.pins"
fi

want="$cudarc $(sha256sum <"$here/lazy.py")"
if [ "$(cat "$home/.lazy" 2>/dev/null || true)" != "$want" ]; then
  python3 "$here/lazy.py" "$cudarc" "$home/lib" >&2
  printf '%s' "$want" >"$home/.lazy"
fi
echo "$home"
