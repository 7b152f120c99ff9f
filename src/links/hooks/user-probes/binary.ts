/**
 * Programs and libraries by name, and their contents.
 *
 * Source: libbpf `resolve_full_path`, `arch_specific_lib_paths`.
 *
 * @module
 */

import { accessSync, constants, fstatSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileErrno } from '../../../base/errno.ts'
import { BpfError, fileError } from '../../../base/errors.ts'
import { printable } from '../../../base/text.ts'
import { ElfFile } from '../../../elf/file.ts'
import { OpenFile } from '../../../kernel/read-file.ts'
import { checkFd } from '../../../objects/descriptor.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'

/**
 * A program or library: its path, the name of a library (`'libc.so.6'`) or of a program in `PATH`, or what holds an open
 * descriptor of it, such as a `FileHandle`. A descriptor names the file whatever its path leads to by now, also a deleted
 * one.
 */
export type Binary = string | { readonly fd: number }

/** A program or library that is to be probed. */
export interface OpenBinary extends Disposable {
  /** Leads to the file, for as long as this is not disposed of. */
  readonly path: string
  /** Names it in errors. */
  readonly name: string
  /** A descriptor of it, where it was given by one. */
  readonly fd: number | undefined
}

/**
 * Finds a program or library. A descriptor is duplicated: the caller's may be closed meanwhile.
 *
 * @throws RangeError when the descriptor cannot be one
 * @throws BpfError with code `ENOENT` when it is not found, `EBADF` when the descriptor is not open, `ERR_NOT_A_FILE` when
 *   it is something else than a file
 */
export function openBinary(binary: Binary): OpenBinary {
  if (typeof binary === 'string') {
    const path = resolveBinary(binary)
    return { path, name: path, fd: undefined, [Symbol.dispose]: () => {} }
  }
  const given = binary.fd
  checkFd(given, `Cannot probe descriptor ${given}`)
  const owned = OwnedFd.copyOf(given, `descriptor ${given}`)
  try {
    const { fd } = owned
    const path = `/proc/self/fd/${fd}`
    const linked = pathOf(path)
    const name = linked === undefined ? `descriptor ${given}` : `descriptor ${given} (${linked})`
    if (!fstatSync(fd).isFile())
      throw new BpfError(`${name} is not a regular file`, { code: 'ERR_NOT_A_FILE' })
    return { path, name, fd, [Symbol.dispose]: () => owned.close() }
  } catch (error) {
    owned.close()
    throw error
  }
}

/** `undefined` without procfs. */
function pathOf(link: string): string | undefined {
  try {
    return printable(readlinkSync(link))
  } catch {
    return undefined
  }
}

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

/** Number of bytes of a program or library. */
export function fileSize({ path, fd }: OpenBinary): number {
  return fd === undefined ? requireFile(path).size : fstatSync(fd).size
}

/**
 * Reads of a program or library what is asked for, however large it is.
 *
 * @param use gets the file, which is closed when it returns
 * @param name names it in errors
 * @throws ObjectFileError when it is not ELF, or damaged
 * @throws BpfError when it cannot be read
 */
export function readBinary<T>(path: string, use: (elf: ElfFile) => T, name: string = path): T {
  using file = explain(name, () => OpenFile.open(path, `Cannot read ${name}`))
  return use(ElfFile.from(file, name))
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
