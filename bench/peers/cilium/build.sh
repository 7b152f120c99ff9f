#!/bin/sh
# Builds the contestant that uses cilium/ebpf: OUTDIR/cilium.
#
#   bench/peers/cilium/build.sh OUTDIR
#
# It needs Go 1.25 (https://go.dev/dl); the versions of the modules are those of go.sum.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
CGO_ENABLED=0 go build -mod=readonly -trimpath -o "$out/cilium" .
