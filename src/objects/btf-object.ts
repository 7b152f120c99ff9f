/**
 * BTF in the kernel: of programs and maps, of vmlinux, of modules.
 *
 * Source: kernel/bpf/btf.c `btf_new_fd`, `btf_get_info_by_fd`.
 *
 * @module
 */

import { progInfo } from '../abi/generated/layouts.ts'
import { cString } from '../base/bytes.ts'
import { ENOSPC } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { Btf } from '../btf/btf.ts'
import { kernelBtf } from '../kernel/btf.ts'
import { failure } from '../kernel/failure.ts'
import { resolveToken } from '../kernel/tokens/automatic.ts'
import { type TokenOptions, withToken } from '../kernel/tokens/handle.ts'
import { type BtfObjectInfo, readBtfInfo, readRawBtf } from '../kernel/types/raw-btf.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { InfoReader } from '../syscalls/info-reader.ts'
import { allocate } from '../syscalls/memory.ts'
import { checkFd, requireKind } from './descriptor.ts'
import { ObjectHandle } from './handle.ts'
import { Opener } from './opener.ts'

/** The most that every kernel takes: older ones refuse more than `UINT_MAX >> 8`. */
const LOG_SIZE = 0xff_ffff

/** A BTF object of the kernel, held by its file descriptor. Since Linux 4.18. */
export class BtfObject implements Disposable {
  static readonly #opener = new Opener('btf', fd => new BtfObject(fd))
  readonly #handle: ObjectHandle
  #info: BtfObjectInfo | undefined
  #types: Btf | undefined

  private constructor(fd: OwnedFd) {
    this.#handle = new ObjectHandle('btf', fd)
  }

  /**
   * Loads raw BTF into the kernel. Since Linux 4.18.
   *
   * @throws BpfError with the last line of the verifier's log when the kernel refuses it
   */
  static load(raw: Uint8Array, options: TokenOptions = {}): BtfObject {
    const token = resolveToken(options.token)
    const load = (fields: AttrFields<'btf_load'>): number =>
      bpf('btf_load', withToken('btf_load', { btf: raw, btf_size: raw.length, ...fields }, token))
    let result = load({})
    if (result < 0) {
      // A second try with a log, which the first does not pay for.
      const log = allocate(LOG_SIZE)
      const second = load({ btf_log_buf: log.bytes, btf_log_size: LOG_SIZE, btf_log_level: 1 })
      if (second < 0) {
        // A log that did not fit has lost its end on kernels before 6.4, and ENOSPC has no other cause.
        const fits = second !== -ENOSPC
        const lastLine = fits ? (cString(log.bytes).trimEnd().split('\n').at(-1) ?? '') : ''
        const detail = lastLine === '' ? '' : `: ${lastLine}`
        throw failure(
          `Cannot load BTF of ${raw.length} bytes${detail}`,
          fits ? second : result,
          'bpf(BPF_BTF_LOAD)',
          token,
          { command: 'btf_load' },
        )
      }
      result = second
    }
    return new BtfObject(OwnedFd.adopt(result, 'BTF'))
  }

  /**
   * Takes over a file descriptor of a BTF object; `close` will close it. Since Linux 4.18.
   *
   * @throws RangeError when it is not an integer from 0 to 2^31 - 1
   * @throws BpfError `EBADF` when it is not open; `ERR_NOT_A_BTF_OBJECT` when it is something else, which is closed then
   */
  static fromFd(fd: number): BtfObject {
    return BtfObject.#opener.fromFd(fd)
  }

  /**
   * Opens a BTF object by id. Since Linux 4.18, needs CAP_SYS_ADMIN; since 6.15 a token takes its place.
   *
   * @throws RangeError when it is not an integer from 1 to 2^32 - 1
   * @throws BpfError `ENOENT` when no BTF object has it
   */
  static fromId(id: number, options: TokenOptions = {}): BtfObject {
    return BtfObject.#opener.fromId(id, resolveToken(options.token))
  }

  /**
   * Opens the BTF of a loaded program. Since Linux 5.0, needs what `fromId` does.
   *
   * @param programFd descriptor of the program; it stays the caller's
   * @throws BpfError `ERR_NO_BTF` when the program was loaded without BTF, `ERR_NOT_A_PROGRAM` when the descriptor is
   *   something else
   */
  static ofProgram(programFd: number, options: TokenOptions = {}): BtfObject {
    checkFd(programFd, `Cannot open the BTF of program ${programFd}`)
    requireKind(programFd, 'program', `Descriptor ${programFd}`)
    const id = new InfoReader(programFd, progInfo.$size, 'program').u32(progInfo.btf_id)
    if (id === 0) throw new BpfError('The program was loaded without BTF', { code: 'ERR_NO_BTF' })
    return BtfObject.fromId(id, options)
  }

  /**
   * All BTF objects, in the order of their ids; each must be closed by the caller. Since Linux 5.4, needs CAP_SYS_ADMIN.
   *
   * @throws BpfError `EPERM` when this process may not list them
   */
  static list(): Generator<BtfObject, undefined> {
    return BtfObject.#opener.list()
  }

  /**
   * The BTF objects of loaded modules; each must be closed by the caller. Empty where this process may not list them, or
   * the kernel cannot: what is sought may be in the kernel itself. Since Linux 5.11. Source: libbpf `load_module_btfs`.
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
    return this.#handle.fd.fd
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#handle.fd.closed
  }

  /** Id, unique until the next boot. */
  get id(): number {
    return this.#handle.id
  }

  /** Name of the module, `'vmlinux'`, or `''`. */
  get name(): string {
    return this.info().name
  }

  /** Facts from the kernel. */
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
    const { kernel, name } = this.info()
    const raw = readRawBtf(this.fd)
    const file = name === '' ? `BTF ${this.id}` : name
    return Btf.parse(raw, kernel && name !== 'vmlinux' ? { base: kernelBtf(), file } : { file })
  }

  /** Closes the file descriptor; the kernel frees the BTF when nothing else uses it. */
  close(): void {
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
