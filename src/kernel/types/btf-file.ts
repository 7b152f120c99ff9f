/**
 * BTF in files.
 *
 * Source: libbpf `btf__parse`, `btf__load_vmlinux_btf`.
 *
 * @module
 */

import { basename } from 'node:path'
import { BpfError } from '../../base/errors.ts'
import { Btf } from '../../btf/btf.ts'
import { ElfFile } from '../../elf/file.ts'
import { ELF_MAGIC } from '../../elf/format.ts'
import { MAX_FILE_SIZE, OpenFile } from '../read-file.ts'

/**
 * Reads the types of a kernel: raw BTF, as of `/sys/kernel/btf` or BTFHub, or the section `.BTF` of an ELF file such
 * as `vmlinux`, of which nothing else is read. Works on every operating system.
 *
 * @param base what split BTF, as of a module, continues
 * @throws BpfError with the errno's name as code when the file cannot be read, `ERR_NOT_A_FILE` when it is not a regular
 *   file, `EFBIG` when its BTF is larger than 2 GiB, `ERR_NO_BTF` when it has no BTF
 * @throws ObjectFileError when it is truncated or malformed
 */
export function readBtfFile(path: string, base?: Btf): Btf {
  const file = basename(path)
  return Btf.parse(readBtfBytes(path), base === undefined ? { file } : { file, base })
}

function readBtfBytes(path: string): Uint8Array {
  using file = OpenFile.open(path)
  const magic = file.read(0, ELF_MAGIC.length)
  // A file of procfs or sysfs does not know its size, so raw BTF is read to the end.
  if (ELF_MAGIC.some((byte, index) => magic[index] !== byte)) return file.readWhole(MAX_FILE_SIZE)
  const elf = ElfFile.from(file, basename(path))
  const section = elf.section('.BTF')
  if (section === undefined || section.size === 0) {
    throw new BpfError(`${path} has no section .BTF`, { code: 'ERR_NO_BTF' })
  }
  return elf.data(section)
}

/**
 * Where distributions put the kernel's image with its types, in the order in which libbpf looks. Each may be an ELF file
 * or raw BTF.
 *
 * @param release as `uname -r` has it
 */
export function kernelImagePaths(release: string): string[] {
  return [
    `/boot/vmlinux-${release}`,
    `/lib/modules/${release}/vmlinux-${release}`,
    `/lib/modules/${release}/build/vmlinux`,
    `/usr/lib/modules/${release}/kernel/vmlinux`,
    `/usr/lib/debug/boot/vmlinux-${release}`,
    `/usr/lib/debug/boot/vmlinux-${release}.debug`,
    `/usr/lib/debug/lib/modules/${release}/vmlinux`,
  ]
}

/**
 * The types of the first file that has some. As libbpf does, goes on behind files that cannot be read or have no BTF.
 *
 * @param file their name for error messages
 * @returns `undefined` when none of the files exists
 * @throws BpfError, ObjectFileError the first file's error, when some exist, but none has BTF
 */
export function firstBtf(paths: readonly string[], file: string): Btf | undefined {
  let refusal: BpfError | undefined
  for (const path of paths) {
    try {
      return Btf.parse(readBtfBytes(path), { file })
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') refusal ??= error
    }
  }
  if (refusal !== undefined) throw refusal
  return undefined
}
