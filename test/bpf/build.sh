#!/bin/sh
# Compiles the BPF programs of the examples, tests, benchmarks and of the profiler.
#
#   test/bpf/build.sh          rebuild every object, beside its source
#   test/bpf/build.sh --check  rebuild in a temporary directory and compare with what is committed; exits 1
#                              and names the files when an object differs, is missing or has no source
#
# Sources are *.bpf.c of examples, test/bpf, test/bpf/linked, bench/bpf and src/profile. NAME.bpf.c becomes NAME.bpf.o,
# little-endian; isa.bpf.c becomes isa-v1.bpf.o to isa-v4.bpf.o, for each version of the instruction set; those named
# in $big_endian below become NAME.bpfeb.o as well.
#
# Objects are committed: neither users nor tests need clang. The same sources and the same compiler give the
# same bytes wherever the checkout lies: compilation starts in its root, with relative paths, and the path of
# the root is mapped away. DWARF is stripped; BTF, line information and CO-RE relocations stay.
#
# test/bpf/linked.bpf.o is made of those of test/bpf/linked by bpftool, whose release is fixed too.
#
# Another release of clang gives other bytes, so the release is fixed ($release). CLANG and LLVM_STRIP name other
# programs, CLANG=clang-20 for instance: that warns when building, and --check refuses to compare.
set -eu

release=19
bpftool_release=7
big_endian='core data events legacy-iproute2 legacy-maps'

clang=${CLANG:-clang-$release}
strip=${LLVM_STRIP:-llvm-strip-$release}
bpftool=${BPFTOOL:-bpftool}

case ${1-} in
'' | --check) mode=${1:---write} ;;
*) echo "Usage: $0 [--check]" >&2; exit 2 ;;
esac

# CDPATH would make cd print, and choose, another directory.
unset CDPATH
cd "$(dirname "$0")/../.."
root=$(pwd -P)

for tool in "$clang" "$strip" "$bpftool"; do
	command -v "$tool" >/dev/null || { echo "$0: $tool is not installed" >&2; exit 2; }
done
version=$("$clang" -dumpversion)
linker=$("$bpftool" version | sed -n '1s/^bpftool v//p')
echo "$clang $version, $("$strip" --version | grep -o 'LLVM version.*')"
if [ "${version%%.*}" != "$release" ]; then
	echo "$0: objects are built with clang $release; $version makes different bytes" >&2
	[ "$mode" = --write ] || exit 2
fi
case $linker in
"$bpftool_release".*) ;;
*)
	echo "$0: objects are linked with bpftool $bpftool_release; $linker makes different bytes" >&2
	[ "$mode" = --write ] || exit 2
	;;
esac

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 130' HUP INT TERM
mkdir -p "$out/examples" "$out/test/bpf/linked" "$out/bench/bpf" "$out/src/profile"

# compile TARGET VERSION SOURCE OBJECT
compile() {
	"$clang" -target "$1" -mcpu="$2" -O2 -g -std=gnu11 -Wall -Werror -nostdlibinc \
		-Itest/bpf/include -ffile-prefix-map="$root"=. -fdebug-compilation-dir=. \
		-c "$3" -o "$4"
	"$strip" -g "$4"
}

for source in examples/*.bpf.c test/bpf/*.bpf.c test/bpf/linked/*.bpf.c bench/bpf/*.bpf.c src/profile/*.bpf.c; do
	[ -e "$source" ] || continue
	name=${source%.bpf.c}
	if [ "$name" = test/bpf/isa ]; then
		for version in v1 v2 v3 v4; do compile bpfel "$version" "$source" "$out/$name-$version.bpf.o"; done
		continue
	fi
	compile bpfel v3 "$source" "$out/$name.bpf.o"
	case " $big_endian " in
	*" ${name##*/} "*) compile bpfeb v3 "$source" "$out/$name.bpfeb.o" ;;
	esac
done

"$bpftool" gen object "$out/test/bpf/linked.bpf.o" "$out/test/bpf/linked/first.bpf.o" "$out/test/bpf/linked/second.bpf.o"

built=$(cd "$out" && echo examples/*.o test/bpf/*.o test/bpf/linked/*.o bench/bpf/*.o src/profile/*.o)
differing=0
for object in $built; do
	[ -e "$out/$object" ] || continue
	if [ "$mode" = --write ]; then
		cp "$out/$object" "$object"
		echo "$object: $(wc -c <"$object") bytes"
	elif [ ! -e "$object" ]; then
		echo "$object: missing" >&2
		differing=1
	elif ! cmp -s "$out/$object" "$object"; then
		echo "$object: differs" >&2
		differing=1
	fi
done
for object in examples/*.bpf.o test/bpf/*.bpf.o bench/bpf/*.bpf.o src/profile/*.bpf.o test/bpf/linked/*.bpf.o examples/*.bpfeb.o test/bpf/*.bpfeb.o; do
	[ ! -e "$object" ] || [ -e "$out/$object" ] || { echo "$object: has no source" >&2; differing=1; }
done
[ "$mode" = --write ] || [ "$differing" = 1 ] || echo 'all objects are up to date'
exit "$differing"
