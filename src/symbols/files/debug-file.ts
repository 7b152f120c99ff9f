/**
 * Separate files with the symbols of a stripped program or library.
 *
 * Source: GDB manual, "Debugging Information in Separate Files".
 *
 * @module
 */

import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { cString } from '../../base/bytes.ts'
import { BpfError } from '../../base/errors.ts'
import { ElfFile } from '../../elf/file.ts'
import { buildIdOf } from '../../elf/notes.ts'
import { OpenFile } from '../../kernel/read-file.ts'

/** Where distributions put debug files. */
export const DEBUG_DIRECTORIES: readonly string[] = ['/usr/lib/debug']

/** Bytes of a debug file that is read whole for its checksum: one without a build id. */
const MAX_CHECKED = 1 << 30
const PIECE = 1 << 20
/** Bytes of a `.gnu_debuglink`: a name and a checksum. */
const MAX_LINK = 4096

/** An open file that is ELF. */
export interface OpenElf {
  readonly file: OpenFile
  readonly elf: ElfFile
}

/**
 * Finds the debug file of a program or library: by its build id, then by the name in `.gnu_debuglink`. One of another build is
 * not taken: the build ids must be equal, or the checksum where there are none.
 *
 * @param path of the program; where debug files lie beside it
 * @param id its build id
 * @param root directory that its paths begin at, `'/proc/PID/root'` for one in another mount namespace. There it is looked
 *   for first
 */
export function findDebugFile(
  elf: ElfFile,
  path: string,
  id: string | undefined,
  directories: readonly string[],
  root = '',
): OpenElf | undefined {
  const link = debugLink(elf)
  for (const each of candidates(path, id, link?.name, directories, root)) {
    const found = tryOpen(each)
    if (found === undefined) continue
    if (isSameBuild(found, id, link?.checksum)) return found
    found.file[Symbol.dispose]()
  }
  return undefined
}

function candidates(
  path: string,
  id: string | undefined,
  name: string | undefined,
  directories: readonly string[],
  root: string,
): string[] {
  const folder = dirname(path)
  const files: string[] = []
  if (id !== undefined && id.length > 2)
    files.push(...directories.map(each => buildIdPath(each, id, '.debug')))
  // What has no path, such as the vdso, has no folder either.
  if (name !== undefined && path.startsWith('/')) {
    files.push(
      join(folder, name),
      join(folder, '.debug', name),
      ...directories.map(each => join(each, folder, name)),
    )
  }
  const own = files.filter(each => each !== path)
  return root === '' ? own : [...own.map(each => `${root}${each}`), ...own]
}

/** Path of a file by its build id in a directory of debug files. */
export function buildIdPath(directory: string, id: string, suffix: string): string {
  return join(directory, '.build-id', id.slice(0, 2), `${id.slice(2)}${suffix}`)
}

/** Opens a file; `undefined` when it is not there, or not ELF. */
export function tryOpen(path: string): OpenElf | undefined {
  let file: OpenFile | undefined
  try {
    file = OpenFile.open(path)
    return { file, elf: ElfFile.from(file, path) }
  } catch (error) {
    file?.[Symbol.dispose]()
    if (!(error instanceof BpfError)) throw error
    return undefined
  }
}

function isSameBuild({ elf, file }: OpenElf, id: string | undefined, checksum: number | undefined): boolean {
  try {
    if (id !== undefined) return buildIdOf(elf) === id
    return checksum !== undefined && file.size <= MAX_CHECKED && checksumOf(file) === checksum
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return false
  }
}

/** What `.gnu_debuglink` says: a name of a file, and its checksum in the last four bytes. */
function debugLink(elf: ElfFile): { name: string; checksum: number } | undefined {
  const section = elf.section('.gnu_debuglink')
  if (section === undefined || section.size < 8 || section.size > MAX_LINK) return undefined
  const reader = elf.part(section.offset, section.size, '.gnu_debuglink')
  const name = cString(reader.bytes)
  // A name is not a path: one that leaves the directories would have any file read.
  if (name === '' || name.includes('/') || name === '.' || name === '..') return undefined
  return { name, checksum: reader.u32(section.size - 4) }
}

function checksumOf(file: OpenFile): number {
  const piece = Buffer.allocUnsafeSlow(PIECE)
  let checksum = 0
  for (let at = 0; at < file.size; at += PIECE) {
    checksum = crc32(file.read(at, Math.min(PIECE, file.size - at), piece), checksum)
  }
  return checksum
}
