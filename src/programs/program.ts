/**
 * A program in the kernel.
 *
 * @module
 */

import { type ProgramType, programTypes } from '../abi/generated/enums.ts'
import { enumName } from '../abi/names.ts'
import type { Instruction } from '../asm/instruction.ts'
import { BpfError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { listObjects } from '../objects/list-objects.ts'
import { objectKind } from '../objects/object-kind.ts'
import { getPinned, type OpenPinOptions, type PinOptions, pinObject, unpinPath } from '../objects/pin.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { programTypeOf } from './attach-target.ts'
import { type ProgramInfo, readProgramInfo, readTranslated } from './info.ts'
import { type LoadOptions, loadProgram, loadProgramAsync } from './load.ts'
import type { ProgramSpec } from './spec.ts'
import { type TestRunOptions, type TestRunResult, testRun } from './test-run.ts'

/**
 * A loaded program, held by its file descriptor. It stays in the kernel until the last descriptor, pin or
 * link to it is gone.
 */
export class Program implements Disposable {
  /** Name: that of its spec, or the 15 bytes that the kernel kept. */
  readonly name: string
  /** Program type. */
  readonly type: ProgramType | number
  /** What it was loaded from; `undefined` for a program that was opened by id, descriptor or pin. */
  readonly spec: ProgramSpec | undefined
  /** The verifier's log of the load; `''` unless `logLevel` was set. */
  readonly verifierLog: string
  readonly #fd: OwnedFd

  private constructor(
    fd: OwnedFd,
    name: string,
    type: ProgramType | number,
    spec?: ProgramSpec,
    verifierLog = '',
  ) {
    this.#fd = fd
    this.name = name
    this.type = type
    this.spec = spec
    this.verifierLog = verifierLog
  }

  /**
   * Loads a program.
   *
   * @throws VerifierError when the verifier refuses it
   * @throws NotSupportedError when the kernel lacks the program type or the attach target
   * @throws BpfError when it cannot be loaded for another reason, such as a missing capability
   */
  static load(spec: ProgramSpec, options: LoadOptions = {}): Program {
    const { fd, verifierLog } = loadProgram(spec, options)
    return Program.#loaded(fd, spec, verifierLog)
  }

  /** Loads a program on a worker thread: the verifier may take seconds. Throws as `load` does. */
  static async loadAsync(spec: ProgramSpec, options: LoadOptions = {}): Promise<Program> {
    const { fd, verifierLog } = await loadProgramAsync(spec, options)
    return Program.#loaded(fd, spec, verifierLog)
  }

  static #loaded(fd: number, spec: ProgramSpec, verifierLog: string): Program {
    const name = spec.name ?? ''
    const type = enumName(programTypes, programTypeOf(spec))
    return new Program(OwnedFd.adopt(fd, `program ${name}`), name, type, spec, verifierLog)
  }

  /**
   * Takes over a file descriptor of a program (4.13); `close` will close it.
   *
   * @throws BpfError when it is not one (`ERR_NOT_A_PROGRAM`); it is closed then
   */
  static fromFd(fd: number): Program {
    const owned = OwnedFd.adopt(fd, 'program')
    try {
      const kind = objectKind(owned.fd) ?? 'program'
      if (kind !== 'program') {
        throw new BpfError(`Cannot use descriptor ${fd} as a program: it is of a ${kind}`, {
          code: 'ERR_NOT_A_PROGRAM',
        })
      }
      const info = readProgramInfo(owned.fd)
      return new Program(owned, info.name, info.type)
    } catch (error) {
      owned.close()
      throw error
    }
  }

  /**
   * Opens a loaded program by id (4.13, needs CAP_SYS_ADMIN).
   *
   * @throws BpfError with code `ENOENT` when there is none
   */
  static fromId(id: number): Program {
    const result = bpf('prog_get_fd_by_id', { prog_id: id })
    if (result < 0) throw failure(`Cannot open program ${id}`, result, 'bpf(BPF_PROG_GET_FD_BY_ID)')
    return Program.fromFd(result)
  }

  /**
   * Opens a pinned program (4.4).
   *
   * @throws BpfError when nothing is pinned there, or something else than a program
   */
  static loadPinned(path: string, options: OpenPinOptions = {}): Program {
    return Program.fromFd(getPinned(path, 'program', options))
  }

  /**
   * Every program in the kernel, in the order of their ids (4.13, needs CAP_SYS_ADMIN); each must be closed by the caller.
   *
   * @throws BpfError when this process may not list them (`EPERM`)
   */
  static list(): Generator<Program, undefined> {
    return listObjects('prog_get_next_id', 'programs', id => Program.fromId(id))
  }

  /** The file descriptor; owned by this object. Throws `ERR_CLOSED` after `close`. */
  get fd(): number {
    return this.#fd.fd
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#fd.closed
  }

  /** What the kernel says of it (4.13). */
  info(): ProgramInfo {
    return readProgramInfo(this.fd)
  }

  /** The instructions as the verifier left them (4.13); empty when hidden from this user. */
  translated(): Instruction[] {
    return readTranslated(this.fd)
  }

  /** Runs it on given input (4.12). */
  testRun(options: TestRunOptions = {}): TestRunResult {
    return testRun(this.fd, this.name, this.type, options)
  }

  /**
   * Declares that it needs a map, so that the map lives as long as it does (5.10).
   *
   * @throws BpfError when the kernel refuses
   */
  bindMap(map: { readonly fd: number }): void {
    const result = bpf('prog_bind_map', { prog_fd: this.fd, map_fd: map.fd })
    if (result < 0)
      throw failure(`Cannot bind a map to program ${this.name}`, result, 'bpf(BPF_PROG_BIND_MAP)')
  }

  /** Pins it at a path on a bpffs (4.4), where it outlives the process. */
  pin(path: string, options: PinOptions = {}): void {
    pinObject(this.fd, path, `program ${this.name}`, options)
  }

  /** Removes a pin; the program itself stays while it is in use. */
  unpin(path: string): void {
    unpinPath(path)
  }

  /** Closes the file descriptor. Links to the program keep it in the kernel. */
  close(): void {
    this.#fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Counts run time and runs of all programs (5.8), as `ProgramInfo` shows them, until it is closed.
 *
 * @throws BpfError when the kernel refuses
 */
export function enableStats(): Disposable & { close(): void } {
  const result = bpf('enable_stats', { type: 0 })
  if (result < 0) throw failure('Cannot enable program statistics', result, 'bpf(BPF_ENABLE_STATS)')
  return OwnedFd.adopt(result, 'program statistics')
}
