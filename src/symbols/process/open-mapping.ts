/**
 * The file that a process has mapped, and no other: its path may lead to another build by now, or to nothing.
 *
 * Source: fs/proc/base.c `proc_map_files_lookup`, for which CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN is needed.
 *
 * @module
 */

import { readlinkSync, statSync } from 'node:fs'
import { BpfError } from '../../base/errors.ts'
import { OpenFile } from '../../kernel/read-file.ts'
import type { Mapping } from './mappings.ts'

/**
 * Opens the file of a mapping: by the mapping itself, else by its path in the file system of the process, by the name of its
 * program, or, where the process is gone, by the path here.
 *
 * @param root directory that paths of the process begin at; `''` where they are ours
 * @throws BpfError when none of them is the file
 */
export function openMapping(pid: number, mapping: Mapping, root: string): OpenFile {
  const { start, end, path } = mapping
  const range = `${start.toString(16)}-${end.toString(16)}`
  let problem: BpfError | undefined
  const paths = [`/proc/${pid}/map_files/${range}`, `/proc/${pid}/root${path}`, `/proc/${pid}/exe`]
  if (root === '') paths.push(path)
  for (const each of paths) {
    try {
      const file = OpenFile.open(each, `Cannot read ${path} of process ${pid}`)
      if (isFileOf(file, mapping, each !== paths[0])) return file
      file[Symbol.dispose]()
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      problem ??= error
    }
  }
  throw (
    problem ??
    new BpfError(`Cannot read ${path} of process ${pid}: another file is there now`, { code: 'ESTALE' })
  )
}

/**
 * Whether a file is the one that is mapped. File systems in layers may name another device than `stat`; the inode is then
 * enough, unless the file was found by a name that it has lost.
 */
function isFileOf(file: OpenFile, { inode, device, deleted }: Mapping, byName: boolean): boolean {
  const { ino, dev } = file.stat()
  if (ino !== inode) return false
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn)
  return !(deleted && byName) || `${hex(major)}:${hex(minor)}` === device
}

const hex = (number: bigint): string => number.toString(16).padStart(2, '0')

/** Directory that paths of a process begin at: `''` where it has the file systems of this one. */
export function rootOf(pid: number): string {
  try {
    const isOurs = (link: string): boolean =>
      readlinkSync(`/proc/${pid}/${link}`) === readlinkSync(`/proc/self/${link}`)
    if (isOurs('ns/mnt') && isOurs('root')) return ''
  } catch {
    // What may not be looked at is taken for another.
  }
  return `/proc/${pid}/root`
}

/** What distinguishes the directory that paths of a process begin at: processes of one container have the same. */
export function rootIdentity(pid: number, root: string): string {
  if (root === '') return ''
  try {
    const { dev, ino } = statSync(`${root}/`, { bigint: true })
    return `${readlinkSync(`/proc/${pid}/ns/mnt`)} ${dev}:${ino}`
  } catch {
    return root
  }
}
