/**
 * Pins: names in a BPF file system that keep a program, map or link alive beyond the process.
 *
 * Source: kernel/bpf/inode.c `bpf_obj_pin_user`, `bpf_obj_get_user`, `bpf_link_fops`; libbpf `check_path`.
 *
 * @module
 */

import { existsSync, mkdirSync, statfsSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { BPF_F_RDONLY, BPF_F_WRONLY } from '../abi/generated/flags.ts'
import { BpfError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { type ObjectKind, objectKind } from './object-kind.ts'

/** What can be pinned. */
export type PinnedKind = ObjectKind

/** How to pin. */
export interface PinOptions {
  /** Create missing directories above the pin, with mode 0700. Default: false. */
  parents?: boolean
}

/** How to open a pinned object. Kernels before 4.15 know neither. */
export interface OpenPinOptions {
  /** The descriptor cannot change the object's data. */
  readOnly?: boolean
  /** The descriptor cannot read the object's data. */
  writeOnly?: boolean
}

/** `f_type` of a BPF file system. Source: include/uapi/linux/magic.h `BPF_FS_MAGIC`. */
const BPF_FS_MAGIC = 0xcafe4a11
const ENOENT = 2

/**
 * Pins an object (4.4; links 5.7).
 *
 * @param fd of the object
 * @param path of the pin, which must not exist, on a bpffs
 * @param what names the object in messages: `'map counters'`
 * @throws BpfError `EEXIST` when the path is taken, `ERR_NOT_BPFFS` when it is not on a bpffs
 */
export function pinObject(fd: number, path: string, what: string, options: PinOptions = {}): void {
  const action = `Cannot pin ${what} at ${path}`
  const directory = dirname(path)
  if (options.parents === true) makeDirectory(directory, action)
  if (!isBpffs(directory, action)) throw notBpffs(action, directory)
  const result = bpf('obj_pin', { pathname: path, bpf_fd: fd })
  if (result < 0) throw failure(action, result, 'bpf(BPF_OBJ_PIN)')
}

/**
 * Removes a pin. The object itself stays while something else uses it.
 *
 * @throws BpfError `ENOENT` when there is none, `ERR_NOT_BPFFS` when the path is not on a bpffs
 */
export function unpinPath(path: string): void {
  const action = `Cannot unpin ${path}`
  const directory = dirname(path)
  // Never remove somebody's ordinary file because of a wrong path.
  if (!isBpffs(directory, action)) throw notBpffs(action, directory)
  inFileSystem(action, () => unlinkSync(path))
}

/**
 * Opens a pinned object (4.4; links 5.7).
 *
 * @returns a new descriptor, which the caller owns
 * @throws BpfError when nothing is pinned there (`ENOENT`), or another kind of object (`ERR_PIN_KIND`)
 * @throws TypeError when `readOnly` and `writeOnly` are both set
 */
export function getPinned(path: string, kind: PinnedKind, options: OpenPinOptions = {}): number {
  const action = `Cannot open pinned ${kind} ${path}`
  const { readOnly = false, writeOnly = false } = options
  if (readOnly && writeOnly) throw new TypeError(`${action}: readOnly and writeOnly exclude each other`)
  const flags = readOnly ? BPF_F_RDONLY : writeOnly ? BPF_F_WRONLY : 0
  const result = bpf('obj_get', { pathname: path, file_flags: flags })
  if (result < 0) {
    const directory = dirname(path)
    if (result !== -ENOENT && !isBpffs(directory, action)) throw notBpffs(action, directory)
    throw failure(action, result, 'bpf(BPF_OBJ_GET)')
  }
  const owned = OwnedFd.adopt(result, `pinned ${kind} ${path}`)
  try {
    checkKind(owned.fd, kind, action)
    return owned.release()
  } catch (error) {
    owned.close()
    throw error
  }
}

function checkKind(fd: number, kind: PinnedKind, action: string): void {
  const found = objectKind(fd) ?? kind
  if (found !== kind) throw new BpfError(`${action}: a ${found} is pinned there`, { code: 'ERR_PIN_KIND' })
}

/** Makes a directory on a bpffs. Elsewhere Node.js may try for ever: sysfs answers ENOENT below what exists. */
function makeDirectory(directory: string, action: string): void {
  let existing = directory
  while (!existsSync(existing)) existing = dirname(existing)
  if (!isBpffs(existing, action)) throw notBpffs(action, existing)
  inFileSystem(action, () => mkdirSync(directory, { recursive: true, mode: 0o700 }))
}

/** Whether a directory is on a BPF file system. */
function isBpffs(directory: string, action: string): boolean {
  return inFileSystem(action, () => statfsSync(directory).type) === BPF_FS_MAGIC
}

function notBpffs(action: string, directory: string): BpfError {
  return new BpfError(
    `${action}: ${directory} is not on a BPF file system (mount one with: mount -t bpf bpf /sys/fs/bpf)`,
    { code: 'ERR_NOT_BPFFS' },
  )
}

/** Runs a file system call, with its error turned into ours. */
function inFileSystem<T>(action: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    const { errno, syscall } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    throw failure(action, errno, syscall ?? 'file system call')
  }
}
