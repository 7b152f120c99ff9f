/**
 * Programs and libraries by name, and where their functions are.
 *
 * Source: libbpf `resolve_full_path`, `arch_specific_lib_paths`.
 *
 * @module
 */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ElfFile, functionOffset, functionOffsets } from '../elf/index.ts'
import { BpfError } from '../errors.ts'

const LIBRARY = /\.so(?:$|\.)/
const LIBRARY_DIRECTORIES = ['/usr/lib64', '/usr/lib', '/lib64', '/lib']
const PROGRAM_DIRECTORIES = ['/usr/bin', '/usr/sbin']
/** Where Debian and its kin keep the libraries of an architecture. */
const MULTIARCH: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
}

/**
 * The path of a program or library.
 *
 * @param name a path, which is returned; a library's file name, such as `'libc.so.6'`, which is looked for in
 *   `LD_LIBRARY_PATH` and the system's directories; or a program's, looked for in `PATH`
 * @throws BpfError with code `ENOENT` when it is not found
 */
export function resolveBinary(name: string): string {
  if (name.includes('/')) {
    if (existsSync(name)) return name
    throw new BpfError(`There is no file ${name}`, { code: 'ENOENT' })
  }
  const library = LIBRARY.test(name)
  const variable = library ? process.env.LD_LIBRARY_PATH : process.env.PATH
  const multiarch = MULTIARCH[process.arch]
  const directories = [
    ...(variable ?? '').split(delimiter).filter(each => each !== ''),
    ...(library && multiarch !== undefined ? [`/usr/lib/${multiarch}`, `/lib/${multiarch}`] : []),
    ...(library ? LIBRARY_DIRECTORIES : PROGRAM_DIRECTORIES),
  ]
  for (const directory of directories) {
    const path = join(directory, name)
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) return path
  }
  const kind = library ? 'library' : 'program'
  throw new BpfError(`There is no ${kind} ${name} in ${[...new Set(directories)].join(', ')}`, {
    code: 'ENOENT',
  })
}

/**
 * Offset in its file of a function.
 *
 * @param name plain, or with a version: `'memcpy@GLIBC_2.14'`
 * @throws ObjectFileError when the file is not ELF64 or has no such function
 */
export function binaryFunctionOffset(path: string, name: string): number {
  return functionOffset(ElfFile.parse(readFileSync(path), path), name)
}

/** Offsets in its file of all functions whose name matches, by name; each offset once. */
export function binaryFunctionOffsets(path: string, matches: (name: string) => boolean): Map<string, number> {
  const offsets = functionOffsets(ElfFile.parse(readFileSync(path), path), matches)
  const seen = new Set<number>()
  for (const [name, offset] of offsets) {
    if (seen.has(offset)) offsets.delete(name)
    seen.add(offset)
  }
  return offsets
}
