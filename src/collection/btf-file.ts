/**
 * BTF in files.
 *
 * Source: libbpf `btf__parse`.
 *
 * @module
 */

import { basename } from 'node:path'
import { BpfError } from '../base/errors.ts'
import { Btf } from '../btf/btf.ts'
import { ElfFile } from '../elf/file.ts'
import { ELF_MAGIC } from '../elf/format.ts'
import { MAX_FILE_SIZE, readRegularFile } from '../kernel/read-file.ts'

/**
 * Reads the types of a kernel: raw BTF, as of `/sys/kernel/btf` or BTFHub, or the section `.BTF` of an ELF file such
 * as `vmlinux`. Works on every operating system.
 *
 * @param base what split BTF, as of a module, continues
 * @throws BpfError with the errno's name as code when the file cannot be read, `ERR_NOT_A_FILE` when it is not a regular
 *   file, `EFBIG` when it is larger than 2 GiB, `ERR_NO_BTF` when it has no BTF
 * @throws ObjectFileError when it is truncated or malformed
 */
export function readBtfFile(path: string, base?: Btf): Btf {
  const bytes = readRegularFile(path, MAX_FILE_SIZE)
  const file = basename(path)
  const options = base === undefined ? { file } : { file, base }
  if (ELF_MAGIC.some((byte, index) => bytes[index] !== byte)) return Btf.parse(bytes, options)
  const elf = ElfFile.parse(bytes, file)
  const section = elf.section('.BTF')
  if (section === undefined) throw new BpfError(`${path} has no section .BTF`, { code: 'ERR_NO_BTF' })
  return Btf.parse(elf.data(section), options)
}
