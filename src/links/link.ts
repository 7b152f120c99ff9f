/**
 * Links: what keeps a program attached.
 *
 * Source: kernel/bpf/syscall.c `link_create`, `link_update`, `link_detach`, `bpf_link_get_fd_by_id`.
 *
 * @module
 */

import { BPF_F_REPLACE } from '../abi/constants.ts'
import type { LinkType } from '../abi/generated/enums.ts'
import { EINVAL, EOPNOTSUPP, EPERM } from '../base/errno.ts'
import { BpfError, NotSupportedError, withReason } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { ObjectHandle } from '../objects/handle.ts'
import { Opener } from '../objects/opener.ts'
import { type OpenPinOptions, type PinOptions, unpinPath } from '../objects/pin.ts'
import type { ProgramSpec } from '../programs/spec.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { bpf } from '../syscalls/bpf.ts'
import type { OwnedFd } from '../syscalls/fd.ts'
import type { LinkInfo } from './info.ts'
import { type LinkAbilities, linkAbilities } from './link-types.ts'
import { readLinkInfo, readLinkType } from './read-info.ts'
import { explainReplacement } from './replacement.ts'

/** Anything that holds a program's descriptor, such as a `Program`. */
export interface ProgramHandle {
  readonly fd: number
  readonly name: string
  /** What it was loaded from, where that is known: attaching it to another hook is refused then, with the reason. */
  readonly spec?:
    | Pick<ProgramSpec, 'type' | 'expectedAttachType' | 'attachTarget' | 'attachProgram' | 'flags'>
    | undefined
}

/** What a link goes over to: a program; of a link of operations, a map whose value is set. */
export type Replacement = Pick<ProgramHandle, 'fd' | 'name'>

/** How to update a link. */
export interface LinkUpdateOptions {
  /** Update only if this program is the one attached now; otherwise fail with `EPERM`. */
  expected?: { readonly fd: number }
}

/**
 * An attachment of a program to a hook. The program stays attached until the link is closed or the process
 * ends; a pinned link outlives both. Nothing detaches because of garbage collection.
 *
 * A link that offers more has a class of its own, such as `IterLink`. `fromFd`, `fromId`, `loadPinned` and `list`
 * return that class, by the kernel's type of the link.
 */
export abstract class Link implements Disposable {
  static readonly #opener = new Opener<Link>('link', openLink)

  /**
   * Takes over a file descriptor of a link; `close` will close it. Since Linux 5.7.
   *
   * @throws RangeError when it is not an integer from 0 to 2^31 - 1
   * @throws BpfError `EBADF` when it is not open; `ERR_NOT_A_LINK` when it is something else, which is closed then
   */
  static fromFd(fd: number): Link {
    return Link.#opener.fromFd(fd)
  }

  /**
   * Opens a link by id. Since Linux 5.8, needs CAP_SYS_ADMIN.
   *
   * @throws RangeError when it is not an integer from 1 to 2^32 - 1
   * @throws BpfError `ENOENT` when no link has it
   */
  static fromId(id: number): Link {
    return Link.#opener.fromId(id)
  }

  /**
   * Opens a pinned link. Since Linux 5.7.
   *
   * @throws BpfError `ENOENT` when nothing is pinned there, `ERR_PIN_KIND` when it is another kind of object
   */
  static loadPinned(path: string, options: OpenPinOptions = {}): Link {
    return Link.#opener.loadPinned(path, options)
  }

  /**
   * Every link in the kernel, in the order of their ids; each must be closed by the caller. Since Linux 5.8, needs
   * CAP_SYS_ADMIN.
   *
   * @throws BpfError `EPERM` when this process may not list them
   */
  static list(): Generator<Link, undefined> {
    return Link.#opener.list()
  }

  /** Descriptor of the link, or of the perf event on kernels without links for it. Throws once closed. */
  abstract get fd(): number
  /** Whether `close` was called. */
  abstract get closed(): boolean
  /** Id, unique until the next boot; 0 for an attachment that the kernel has no link for. Since Linux 5.8. */
  get id(): number {
    return 0
  }

  /** The facts that the kernel has of it. Since Linux 5.8. */
  abstract info(): LinkInfo
  /**
   * Replaces the attached program; at every moment one of the two is attached. Since Linux 5.7.
   *
   * @throws NotSupportedError when links of this type cannot: those of tracing, tracepoints, probes, netfilter
   * @throws BpfError with `EPERM` when another program than `options.expected` is attached
   */
  abstract update(program: Replacement, options?: LinkUpdateOptions): void
  /**
   * Detaches the program while the link, its pins and descriptors stay. Since Linux 5.9.
   *
   * @throws NotSupportedError when links of this type cannot: those of tracing, tracepoints, probes, iterators
   */
  abstract detach(): void
  /** Pins the link at a path on a bpffs: it stays attached after the process has ended. Since Linux 5.7. */
  abstract pin(path: string, options?: PinOptions): void
  /** Detaches the program, unless another descriptor or a pin holds the link. */
  abstract close(): void

  /** Removes a pin of the link. */
  unpin(path: string): void {
    unpinPath(path)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A `bpf_link` of the kernel. */
export class KernelLink extends Link {
  readonly #handle: ObjectHandle

  /**
   * @param fd the link; it owns the descriptor from then on
   *
   * @internal
   */
  constructor(fd: OwnedFd) {
    super()
    this.#handle = new ObjectHandle('link', fd)
  }

  get fd(): number {
    return this.#handle.fd.fd
  }

  get closed(): boolean {
    return this.#handle.fd.closed
  }

  override get id(): number {
    return this.#handle.id
  }

  info(): LinkInfo {
    return readLinkInfo(this.fd)
  }

  update(program: Replacement, options: LinkUpdateOptions = {}): void {
    const { expected } = options
    const fields: AttrFields<'link_update'> =
      expected === undefined ? {} : { flags: BPF_F_REPLACE, old_prog_fd: expected.fd }
    fields.new_prog_fd = program.fd
    // The link's own descriptor last: getters of the arguments may have closed it.
    fields.link_fd = this.fd
    const result = bpf('link_update', fields)
    if (result >= 0) return
    const action = `Cannot update the link to program ${program.name}`
    const syscall = 'bpf(BPF_LINK_UPDATE)'
    if (result === -EINVAL || result === -EOPNOTSUPP) this.#requireAbility('updates', 'Updating')
    // An update asks for no capability: this is all that EPERM means here.
    if (expected !== undefined && result === -EPERM) {
      throw new BpfError(`${action}: another program than the expected one is attached (EPERM)`, {
        code: 'EPERM',
        errno: -result,
        syscall,
      })
    }
    const error = failure(action, result, syscall)
    const reason = result === -EINVAL ? explainReplacement(this.fd, program.fd) : undefined
    throw reason === undefined ? error : withReason(error, reason)
  }

  detach(): void {
    const result = bpf('link_detach', { link_fd: this.fd })
    if (result === -EOPNOTSUPP) this.#requireAbility('detaches', 'Detaching')
    if (result < 0) throw failure('Cannot detach the link', result, 'bpf(BPF_LINK_DETACH)')
  }

  /** Throws when no link of this type can do it: the kernel's errno could as well mean a wrong program. */
  #requireAbility(ability: keyof LinkAbilities, action: string): void {
    const type = readLinkType(this.fd)
    if (typeof type === 'number' || linkAbilities[type][ability]) return
    const hint = 'close it, and attach the program anew'
    throw new NotSupportedError(`${action} links of type ${type}`, undefined, { hint })
  }

  pin(path: string, options: PinOptions = {}): void {
    this.#handle.pin(path, 'link', options)
  }

  close(): void {
    this.#handle.close()
  }
}

/** The classes of links that offer more than `KernelLink`: each enters itself. */
const classes = new Map<LinkType, (fd: OwnedFd) => KernelLink>()

/**
 * Has links of a type opened as a class of their own.
 *
 * @param open makes the wrapper, which owns the descriptor from then on
 */
export function defineLinkClass(type: LinkType, open: (fd: OwnedFd) => KernelLink): void {
  classes.set(type, open)
}

/** Wraps a link that exists, by its type; it owns the descriptor from then on. */
export function openLink(fd: OwnedFd): KernelLink {
  const type = readLinkType(fd.fd)
  const open = typeof type === 'string' ? classes.get(type) : undefined
  return open?.(fd) ?? new KernelLink(fd)
}
