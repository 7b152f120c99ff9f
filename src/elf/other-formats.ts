/**
 * Formats that are given for ELF by mistake.
 *
 * Source: LLVM "Bitcode file format"; include/uapi/linux/btf.h; gzip (RFC 1952), zstd (RFC 8878), xz, ar(5).
 *
 * @module
 */

const formats: readonly (readonly [magic: readonly number[], reason: string])[] = [
  [
    [0x42, 0x43, 0xc0, 0xde],
    'it is LLVM bitcode, of clang with -flto or -emit-llvm: compile it with `clang -target bpf -c`, or run `llc -march=bpf -filetype=obj`',
  ],
  [[0xde, 0xc0, 0x17, 0x0b], 'it is wrapped LLVM bitcode: compile it with `clang -target bpf -c`'],
  [[0x21, 0x3c, 0x61, 0x72, 0x63, 0x68, 0x3e], 'it is an archive of objects (ar)'],
  [[0x9f, 0xeb], 'it is raw BTF'],
  [[0xeb, 0x9f], 'it is raw BTF of the other byte order'],
  [[0x1f, 0x8b], 'it is compressed with gzip'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'it is compressed with zstd'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'it is compressed with xz'],
]

/** Says what a file that is not ELF is, by its first bytes: `': it is raw BTF'`; `''` when they are of no known format. */
export function describeFormat(start: Uint8Array): string {
  const found = formats.find(([magic]) => magic.every((byte, at) => start[at] === byte))
  if (found !== undefined) return `: ${found[1]}`
  return start.length === 0 ? ': it is empty' : ''
}
