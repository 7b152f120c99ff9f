/**
 * Programs and libraries by name, and their contents.
 *
 * Source: libbpf `resolve_full_path`, `arch_specific_lib_paths`.
 *
 * @module
 */

import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileErrno } from '../../../base/errno.ts'
import { BpfError, fileError } from '../../../base/errors.ts'
import { ElfFile } from '../../../elf/file.ts'
import { OpenFile } from '../../../kernel/read-file.ts'

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
 * @throws BpfError with code `ENOENT` when it is not found, `ERR_NOT_A_FILE` when the path is something else
 */
export function resolveBinary(name: string): string {
  if (name.includes('/')) {
    requireFile(name)
    return name
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
    if (isUsable(path, library ? constants.R_OK : constants.X_OK)) return path
  }
  const kind = library ? 'library' : 'program'
  throw new BpfError(`No ${kind} ${name} in ${[...new Set(directories)].join(', ')}`, {
    code: 'ENOENT',
  })
}

/** Whether a search ends at a path; it goes on where a directory may not be entered, as that of a shell does. */
function isUsable(path: string, access: number): boolean {
  try {
    accessSync(path, access)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function requireFile(path: string): Stats {
  const stats = explain(path, () => statSync(path))
  if (!stats.isFile()) throw new BpfError(`${path} is not a regular file`, { code: 'ERR_NOT_A_FILE' })
  return stats
}

/** Number of bytes of a file. */
export function fileSize(path: string): number {
  return requireFile(path).size
}

/**
 * Reads of a program or library what is asked for, however large it is.
 *
 * @param use gets the file, which is closed when it returns
 * @throws ObjectFileError when it is not ELF, or damaged
 * @throws BpfError when it cannot be read
 */
export function readBinary<T>(path: string, use: (elf: ElfFile) => T): T {
  using file = explain(path, () => OpenFile.open(path))
  return use(ElfFile.from(file, path))
}

function explain<T>(path: string, access: () => T): T {
  try {
    return access()
  } catch (error) {
    const code = error instanceof BpfError ? error.code : fileErrno(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw error instanceof BpfError ? error : fileError(`Cannot read ${path}`, error)
    }
    throw new BpfError(`File ${path} does not exist`, { code, cause: error })
  }
}
