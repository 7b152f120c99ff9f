#!/bin/sh
# Builds the contestant that uses aya: OUTDIR/aya.
#
#   bench/peers/aya/build.sh OUTDIR
#
# It needs Rust 1.87 (https://rustup.rs); the versions of the crates are those of Cargo.lock. What cargo keeps is in
# .cache/bench/aya.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
target=$(cd ../../.. && pwd)/.cache/bench/aya
cargo build --quiet --release --locked --target-dir "$target"
cp "$target/release/bench-aya" "$out/aya"
