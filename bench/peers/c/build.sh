#!/bin/sh
# Builds the contestants in C: OUTDIR/c and OUTDIR/libbpf. They are static, and so run in a guest too.
#
#   bench/peers/c/build.sh OUTDIR
#
# It needs a C compiler and libbpf (apt-get install gcc libc6-dev libbpf-dev libelf-dev zlib1g-dev).
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
build() {
	program=$1
	shift
	"${CC:-cc}" -O2 -Wall -Wextra -std=gnu11 -static contestant.c object.c latency.c "$@" \
		-o "$out/$program" -lbpf -lelf -lz -lpthread
}
build c main.c elements.c memory.c ring.c kallsyms.c
build libbpf libbpf.c perf.c user-ring.c
