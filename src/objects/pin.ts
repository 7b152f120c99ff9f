/**
 * Pins: names in a BPF file system that keep a program, map or link alive beyond the process.
 *
 * Source: kernel/bpf/inode.c `bpf_obj_pin_user`, `bpf_obj_get_user`, `bpf_link_fops`; libbpf `check_path`.
 *
 * @module
 */

import { basename, dirname, resolve } from 'node:path'
import { BPF_F_RDONLY, BPF_F_WRONLY } from '../abi/generated/flags.ts'
import { ENOENT } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { openBpffs, requireBpffs } from '../kernel/bpffs.ts'
import { failure } from '../kernel/failure.ts'
import { bpf } from '../syscalls/bpf.ts'
import { systemError } from '../syscalls/errno.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { requireKind } from './descriptor.ts'
import { kinds, type ObjectKind } from './kinds.ts'
import { MadePin, makeDirectories } from './made-pin.ts'

/** How to pin. */
export interface PinOptions {
  /** Create missing directories above the pin, with mode 0700. Default: false. */
  parents?: boolean
}

/** How to open a pinned object. Since Linux 4.15. */
export interface OpenPinOptions {
  /** The descriptor cannot change the object's data. */
  readOnly?: boolean
  /** The descriptor cannot read the object's data. */
  writeOnly?: boolean
}

/**
 * Pins an object. Since Linux 4.4; links since 5.7.
 *
 * @param fd of the object
 * @param path of the pin, which must not exist, on a bpffs
 * @param what names the object in messages: `'map counters'`
 * @returns takes back what was made: disposing of it is for a later step that fails
 * @throws BpfError `EEXIST` when the path is taken, `ERR_NOT_BPFFS` when it is not on a bpffs
 */
export function pinObject(fd: number, path: string, what: string, options: PinOptions = {}): MadePin {
  const action = `Cannot pin ${what} at ${path}`
  const made = new MadePin()
  // Directories are made step by step, where `..` would lead out of those that are there already.
  const pathname = options.parents === true ? resolve(path) : path
  try {
    if (options.parents === true) makeDirectories(dirname(pathname), action, made)
    using directory = openBpffs(dirname(pathname), action)
    const result = bpf('obj_pin', { pathname, bpf_fd: fd })
    if (result < 0) throw failure(action, result, 'bpf(BPF_OBJ_PIN)')
    made.add(directory, pathname, 'file')
    return made
  } catch (error) {
    made[Symbol.dispose]()
    throw error
  }
}

/**
 * Removes a pin. The object itself stays while something else uses it.
 *
 * @throws BpfError `ENOENT` when nothing is pinned there, `ERR_NOT_BPFFS` when the path is not on a bpffs
 */
export function unpinPath(path: string): void {
  const action = `Cannot unpin ${path}`
  // The directory by descriptor: a wrong path, or one that is renamed meanwhile, must not remove an ordinary file.
  using directory = openBpffs(dirname(path), action)
  const result = directory.remove(basename(path), 'file')
  if (result < 0) throw systemError(action, result, 'unlinkat')
}

/** The kernel has `EACCES` for a file of another file system, too. A directory that cannot be entered shows neither. */
function refuseElsewhere(path: string, action: string): void {
  try {
    requireBpffs(dirname(path), action)
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ERR_NOT_BPFFS') throw error
  }
}

/**
 * Opens a pinned object. Since Linux 4.4; links since 5.7.
 *
 * @throws BpfError `ENOENT` when nothing is pinned there, `ERR_PIN_KIND` when it is another kind of object
 * @throws TypeError when `readOnly` and `writeOnly` are both set
 */
export function getPinned(path: string, kind: ObjectKind, options: OpenPinOptions = {}): OwnedFd {
  const { noun } = kinds[kind]
  const action = `Cannot open pinned ${noun} ${path}`
  const { readOnly = false, writeOnly = false } = options
  if (readOnly && writeOnly) throw new TypeError(`${action}: readOnly and writeOnly exclude each other`)
  const flags = readOnly ? BPF_F_RDONLY : writeOnly ? BPF_F_WRONLY : 0
  const result = bpf('obj_get', { pathname: path, file_flags: flags })
  if (result < 0) {
    if (result !== -ENOENT) refuseElsewhere(path, action)
    throw failure(action, result, 'bpf(BPF_OBJ_GET)')
  }
  const owned = OwnedFd.adopt(result, `pinned ${noun} ${path}`)
  try {
    requireKind(owned.fd, kind, `The pin ${path}`, 'ERR_PIN_KIND')
    return owned
  } catch (error) {
    owned.close()
    throw error
  }
}
