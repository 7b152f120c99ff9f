/**
 * BTF that was loaded into the kernel: of programs and maps, of vmlinux, of modules.
 *
 * Source: kernel/bpf/btf.c `btf_new_fd`, `btf_get_info_by_fd`.
 *
 * @module
 */

import { progInfo } from '../abi/generated/layouts.ts'
import { cString } from '../base/bytes.ts'
import { errnoName } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { Btf } from '../btf/btf.ts'
import { kernelBtf } from '../kernel/btf.ts'
import { failure } from '../kernel/failure.ts'
import { type BtfObjectInfo, readBtfInfo, readRawBtf } from '../kernel/raw-btf.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { getInfo } from '../syscalls/info.ts'
import { allocate } from '../syscalls/memory.ts'
import { listObjects } from './list-objects.ts'

/** The most that every kernel takes: older ones refuse more than `UINT_MAX >> 8`. */
const LOG_SIZE = 0xff_ffff

/** A BTF object of the kernel, held by its file descriptor (4.18). */
export class BtfObject implements Disposable {
  readonly #fd: OwnedFd
  #info: BtfObjectInfo | undefined
  #types: Btf | undefined

  private constructor(fd: OwnedFd) {
    this.#fd = fd
  }

  /**
   * Loads raw BTF into the kernel (4.18).
   *
   * @throws BpfError with the verifier's last words when the kernel refuses it
   */
  static load(raw: Uint8Array): BtfObject {
    let result = bpf('btf_load', { btf: raw, btf_size: raw.length })
    if (result < 0) {
      // A second try with a log, which the first does not pay for.
      const log = allocate(LOG_SIZE)
      const second = bpf('btf_load', {
        btf: raw,
        btf_size: raw.length,
        btf_log_buf: log.bytes,
        btf_log_size: LOG_SIZE,
        btf_log_level: 1,
      })
      if (second < 0) {
        // A log that did not fit has lost its end on kernels before 6.4, and ENOSPC tells of nothing else.
        const fits = errnoName(-second) !== 'ENOSPC'
        const lastLine = fits ? (cString(log.bytes).trimEnd().split('\n').at(-1) ?? '') : ''
        const detail = lastLine === '' ? '' : `: ${lastLine}`
        throw failure(
          `Cannot load BTF of ${raw.length} bytes${detail}`,
          fits ? second : result,
          'bpf(BPF_BTF_LOAD)',
        )
      }
      result = second
    }
    return new BtfObject(OwnedFd.adopt(result, 'BTF'))
  }

  /**
   * Opens a BTF object by id (4.18, needs CAP_SYS_ADMIN).
   *
   * @throws BpfError with code `ENOENT` when there is none
   */
  static fromId(id: number): BtfObject {
    const result = bpf('btf_get_fd_by_id', { btf_id: id })
    if (result < 0) throw failure(`Cannot open BTF ${id}`, result, 'bpf(BPF_BTF_GET_FD_BY_ID)')
    return new BtfObject(OwnedFd.adopt(result, `BTF ${id}`))
  }

  /**
   * Opens the BTF of a loaded program (5.0).
   *
   * @throws BpfError when the program was loaded without BTF
   */
  static ofProgram(programFd: number): BtfObject {
    const info = allocate(progInfo.$size)
    const result = getInfo(programFd, info)
    if (result < 0) throw failure('Cannot read program info', result, 'bpf(BPF_OBJ_GET_INFO_BY_FD)')
    const id = info.view.getUint32(progInfo.btf_id, true)
    if (id === 0) throw new BpfError('The program was loaded without BTF', { code: 'ERR_NO_BTF' })
    return BtfObject.fromId(id)
  }

  /**
   * All BTF objects, in the order of their ids (5.4, needs CAP_SYS_ADMIN); each must be closed by the caller.
   *
   * @throws BpfError when this process may not list them (`EPERM`)
   */
  static list(): Generator<BtfObject, undefined> {
    return listObjects('btf_get_next_id', 'BTF', id => BtfObject.fromId(id))
  }

  /**
   * The BTF objects of loaded modules (5.11); each must be closed by the caller. None where this process may not list
   * them, or the kernel cannot: what is sought may be in the kernel itself. Source: libbpf `load_module_btfs`.
   */
  static *modules(): Generator<BtfObject, undefined> {
    try {
      for (const object of BtfObject.list()) {
        let isModule = false
        try {
          const { kernel, name } = object.info()
          isModule = kernel && name !== 'vmlinux'
        } finally {
          if (!isModule) object.close()
        }
        if (isModule) yield object
      }
    } catch (error) {
      if (!(error instanceof BpfError && (error.code === 'EPERM' || error.code === 'EINVAL'))) throw error
    }
  }

  /** The file descriptor; owned by this object. */
  get fd(): number {
    return this.#fd.fd
  }

  /** Name of the module, `'vmlinux'`, or `''`. */
  get name(): string {
    return this.info().name
  }

  /** What the kernel says of it. */
  info(): BtfObjectInfo {
    this.#info ??= readBtfInfo(this.fd)
    return this.#info
  }

  /** The types, read back from the kernel and parsed at the first call. A module's continue vmlinux's. */
  types(): Btf {
    this.#types ??= this.#readTypes()
    return this.#types
  }

  #readTypes(): Btf {
    const { size, kernel, name } = this.info()
    const raw = readRawBtf(this.fd, size)
    const file = name === '' ? `BTF ${this.info().id}` : name
    return Btf.parse(raw, kernel && name !== 'vmlinux' ? { base: kernelBtf(), file } : { file })
  }

  /** Closes the file descriptor; the kernel frees the BTF when nothing else uses it. */
  close(): void {
    this.#fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
