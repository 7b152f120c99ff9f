/**
 * BTF in files.
 *
 * Source: libbpf `btf__parse`.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { BpfError, fileError } from '../base/errors.ts'
import { Btf } from '../btf/btf.ts'
import { ElfFile } from '../elf/file.ts'
import { ELF_MAGIC } from '../elf/format.ts'

/**
 * Reads the types of a kernel: raw BTF, as of `/sys/kernel/btf` or BTFHub, or the section `.BTF` of an ELF file such
 * as `vmlinux`. Works on every operating system.
 *
 * @param base what split BTF, as of a module, continues
 * @throws BpfError with the errno's name as code when the file cannot be read, `ERR_NO_BTF` when it has none
 * @throws ObjectFileError when it is truncated or malformed
 */
export function readBtfFile(path: string, base?: Btf): Btf {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw fileError(`Cannot read ${path}`, error)
  }
  const file = basename(path)
  const options = base === undefined ? { file } : { file, base }
  if (ELF_MAGIC.some((byte, index) => bytes[index] !== byte)) return Btf.parse(bytes, options)
  const elf = ElfFile.parse(bytes, file)
  const section = elf.section('.BTF')
  if (section === undefined) throw new BpfError(`${path} has no section .BTF`, { code: 'ERR_NO_BTF' })
  return Btf.parse(elf.data(section), options)
}
