/**
 * BPF tokens: rights to create and load in a user namespace, delegated by the mount of a BPF file system.
 *
 * Source: kernel/bpf/token.c; kernel/bpf/inode.c `bpf_parse_param` (mount options).
 *
 * @module
 */

import {
  type AttachType,
  attachTypes,
  type Command,
  commands,
  type MapType,
  mapTypes,
  type ProgramType,
  programTypes,
} from '../abi/generated/enums.ts'
import { type EnumTable, enumName } from '../abi/names.ts'
import { BpfError } from '../base/errors.ts'
import { DEFAULT_BPFFS } from '../kernel/bpffs.ts'
import { readFdinfo } from '../kernel/fdinfo.ts'
import { automaticToken } from '../kernel/tokens/automatic.ts'
import { createToken } from '../kernel/tokens/create.ts'
import { ANY, bitsOf, parseDelegations, readDelegations } from '../kernel/tokens/delegation.ts'
import type { TokenHandle } from '../kernel/tokens/handle.ts'
import type { OwnedFd } from '../syscalls/fd.ts'
import { adoptFd, describeFd } from './descriptor.ts'

/** What is delegated of one kind: everything, or a list; a number is what the tables do not know. */
export type Delegated<T extends string> = 'any' | readonly (T | number)[]

/** What a token delegates. */
export interface TokenInfo {
  /** Commands of `bpf(2)`; mount option `delegate_cmds`. */
  commands: Delegated<Command>
  /** Types of maps that can be created; mount option `delegate_maps`. */
  mapTypes: Delegated<MapType>
  /** Types of programs that can be loaded; mount option `delegate_progs`. */
  programTypes: Delegated<ProgramType>
  /** Expected attach types of programs that can be loaded; mount option `delegate_attachs`. */
  attachTypes: Delegated<AttachType>
}

/**
 * A BPF token, held by its file descriptor: the option `token` of what creates or loads takes it. It lets a process in a
 * user namespace create the maps and load the BTF and programs that the mount of a BPF file system delegates to the
 * namespace. Besides, the process needs the capabilities that BPF asks for, in its namespace. Maps and programs stay
 * usable once the token is closed. Since Linux 6.9.
 */
export class Token implements TokenHandle, Disposable {
  /** The BPF file system that it is of; `undefined` for a token that was taken over by its descriptor. */
  readonly path: string | undefined
  readonly #fd: OwnedFd

  private constructor(fd: OwnedFd, path: string | undefined) {
    this.#fd = fd
    this.path = path
  }

  /**
   * Creates a token of a BPF file system. Since Linux 6.9.
   *
   * @param path where it is mounted. Default: `/sys/fs/bpf`
   * @throws NotSupportedError when the kernel has no tokens
   * @throws BpfError `ENOENT` when the mount delegates nothing, `EPERM` when it is of another user namespace or this
   *   process lacks CAP_BPF in its own, `EOPNOTSUPP` in the initial user namespace, `ERR_NOT_BPFFS`
   */
  static create(path: string = DEFAULT_BPFFS): Token {
    return new Token(createToken(path), path)
  }

  /**
   * The token that is used when the option `token` is left out, in a wrapper of its own: of the file system that the
   * environment variable `LIBBPF_BPF_TOKEN_PATH` names, else of `/sys/fs/bpf`, as libbpf does. It is created once for a
   * thread: what the mount delegates later does not count. Since Linux 6.9.
   *
   * @returns `undefined` when the kernel gives none, or the variable is empty
   * @throws BpfError when the variable names a file system and a token of it cannot be created, as `create` does
   */
  static automatic(): Token | undefined {
    const token = automaticToken()
    return token === undefined ? undefined : new Token(token.owner.duplicate(), token.path)
  }

  /**
   * Takes over a file descriptor of a token, such as one that another process passed on; `close` will close it. Since
   * Linux 6.9.
   *
   * @throws RangeError when it is not an integer from 0 to 2^31 - 1
   * @throws BpfError `EBADF` when it is not open; `ERR_NOT_A_TOKEN` when it is something else, which is closed then
   */
  static fromFd(fd: number): Token {
    const owned = adoptFd(fd, 'BPF token')
    // The info command writes the facts of whatever it is given, fdinfo has names. Without procfs any descriptor passes.
    const fdinfo = readFdinfo(owned.fd)
    if (fdinfo.size === 0 || parseDelegations(fdinfo) !== undefined) return new Token(owned, undefined)
    const found = describeFd(owned.fd)
    owned.close()
    throw new BpfError(`Descriptor ${fd} is ${found}, not a BPF token`, { code: 'ERR_NOT_A_TOKEN' })
  }

  /** The file descriptor; owned by this object. Throws `ERR_CLOSED` after `close`. */
  get fd(): number {
    return this.#fd.fd
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#fd.closed
  }

  /**
   * What it delegates.
   *
   * @throws BpfError before Linux 6.17 where procfs is not mounted
   */
  info(): TokenInfo {
    const delegations = readDelegations(this.fd)
    if (delegations === undefined)
      throw new BpfError('Cannot read BPF token info: procfs is not mounted', { code: 'ENOENT' })
    const { cmds, maps, progs, attachs } = delegations
    return {
      commands: delegated(commands, cmds),
      mapTypes: delegated(mapTypes, maps),
      programTypes: delegated(programTypes, progs),
      attachTypes: delegated(attachTypes, attachs),
    }
  }

  /** Closes the file descriptor. What was created with the token stays. Idempotent. */
  close(): void {
    this.#fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function delegated<T extends EnumTable>(table: T, mask: bigint): Delegated<keyof T & string> {
  return mask === ANY ? 'any' : bitsOf(mask).map(bit => enumName(table, bit))
}
