#!/bin/sh
# Installs the contestant that uses the package bpf: OUTDIR/npm-bpf, which starts build/bench/npm-bpf.js.
#
#   bench/peers/npm-bpf/build.sh OUTDIR
#
# It needs npm; the versions are those of package-lock.json. The package brings its binding for x86 and Arm.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
mkdir -p "$out/npm-bpf.package"
cp package.json package-lock.json "$out/npm-bpf.package"
npm ci --prefix "$out/npm-bpf.package" --ignore-scripts --no-audit --no-fund --loglevel=error
cat > "$out/npm-bpf" <<EOF
#!/bin/sh
NODE_PATH='$out/npm-bpf.package/node_modules' exec node '$(cd ../../.. && pwd)/build/bench/npm-bpf.js' "\$@"
EOF
chmod +x "$out/npm-bpf"
