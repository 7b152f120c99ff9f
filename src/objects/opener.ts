/**
 * The ways to open an object that exists: by descriptor, by id, from a pin, or one after the other.
 *
 * Source: kernel/bpf/syscall.c `bpf_map_get_fd_by_id` and its like, `bpf_obj_get_next_id`.
 *
 * @module
 */

import { EINVAL, ENOENT } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { type TokenHandle, withToken } from '../kernel/tokens/handle.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { nextId } from '../syscalls/info.ts'
import { adoptFd, checkId, requireKind } from './descriptor.ts'
import { type KindFacts, kinds, type ObjectKind } from './kinds.ts'
import { getPinned, type OpenPinOptions } from './pin.ts'

/** Opens objects of one kind. */
export class Opener<T> {
  readonly #kind: ObjectKind
  readonly #facts: KindFacts
  readonly #make: (fd: OwnedFd) => T

  /**
   * @param make makes the wrapper, which owns the descriptor from then on; when it throws, the descriptor is closed
   */
  constructor(kind: ObjectKind, make: (fd: OwnedFd) => T) {
    this.#kind = kind
    this.#facts = kinds[kind]
    this.#make = make
  }

  /**
   * Takes over a descriptor of the caller. It is closed when it is refused, unless it is not open at all.
   *
   * @throws RangeError when it is not an integer from 0 to 2^31 - 1
   * @throws BpfError `EBADF` when it is not open, the code of the kind, such as `ERR_NOT_A_MAP`, when it is something else
   */
  fromFd(fd: number): T {
    return this.#take(adoptFd(fd, this.#facts.noun), owned => {
      requireKind(owned.fd, this.#kind, `Descriptor ${fd}`)
    })
  }

  /**
   * Opens an object by id.
   *
   * @param token takes the place of CAP_SYS_ADMIN where the kernel lets it: for BTF, since Linux 6.15
   * @throws RangeError when it is not an integer from 1 to 2^32 - 1
   * @throws BpfError `ENOENT` when no object has it, `EPERM` without CAP_SYS_ADMIN
   */
  fromId(id: number, token?: TokenHandle): T {
    const { noun, prefix } = this.#facts
    const action = `Cannot open ${noun} ${id}`
    checkId(id, action)
    const result = prefix === 'btf' ? openBtf(id, token) : bpf(`${prefix}_get_fd_by_id`, { start_id: id })
    if (result < 0) {
      const syscall = `bpf(BPF_${prefix.toUpperCase()}_GET_FD_BY_ID)`
      throw failure(action, result, syscall, token, { command: 'btf_get_fd_by_id' })
    }
    return this.#take(OwnedFd.adopt(result, `${noun} ${id}`))
  }

  /**
   * Opens a pinned object.
   *
   * @throws BpfError `ENOENT` when nothing is pinned there, `ERR_PIN_KIND` when it is another kind of object
   * @throws TypeError when `readOnly` and `writeOnly` are both set
   */
  loadPinned(path: string, options: OpenPinOptions = {}): T {
    return this.#take(getPinned(path, this.#kind, options))
  }

  /**
   * Opens object after object, in the order of their ids; each must be closed by the caller.
   *
   * @throws BpfError `EPERM` without CAP_SYS_ADMIN, `EINVAL` when the kernel has no list of them
   */
  *list(): Generator<T, undefined> {
    const { plural, prefix } = this.#facts
    const command = `${prefix}_get_next_id` as const
    let id = nextId(command, 0)
    for (; id > 0; id = nextId(command, id)) {
      let object: T
      try {
        object = this.fromId(id)
      } catch (error) {
        // It may be gone since its id was read.
        if (error instanceof BpfError && error.code === 'ENOENT') continue
        throw error
      }
      yield object
    }
    if (id !== -ENOENT) throw failure(`Cannot list ${plural}`, id, `bpf(BPF_${command.toUpperCase()})`)
  }

  #take(owned: OwnedFd, check?: (owned: OwnedFd) => void): T {
    try {
      check?.(owned)
      return this.#make(owned)
    } catch (error) {
      owned.close()
      throw error
    }
  }
}

/** Opens BTF with a token, which kernels before 6.15 refuse with `EINVAL`: to those a process goes without. */
function openBtf(id: number, token: TokenHandle | undefined): number {
  const fields = { start_id: id }
  const result = bpf('btf_get_fd_by_id', withToken('btf_get_fd_by_id', fields, token))
  return result === -EINVAL && token !== undefined ? bpf('btf_get_fd_by_id', fields) : result
}
