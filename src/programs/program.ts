/**
 * A program in the kernel.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { type ProgramType, programTypes } from '../abi/generated/enums.ts'
import { enumName } from '../abi/names.ts'
import type { Instruction } from '../asm/instruction.ts'
import { EINVAL } from '../base/errno.ts'
import { failure } from '../kernel/failure.ts'
import { lacking } from '../kernel/lacking.ts'
import { isAtLeast } from '../kernel/version.ts'
import { checkFd } from '../objects/descriptor.ts'
import { ObjectHandle } from '../objects/handle.ts'
import { Opener } from '../objects/opener.ts'
import { type OpenPinOptions, type PinOptions, unpinPath } from '../objects/pin.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { programTypeOf } from './attach-target.ts'
import { type ProgramInfo, readProgramInfo, readTranslated } from './info.ts'
import { loadProgram, loadProgramAsync, loadProgramHeld } from './load.ts'
import type { LoadOptions } from './load-options.ts'
import { type PreparedProgram, prepareProgram } from './prepare.ts'
import type { ProgramSpec } from './spec.ts'
import { type ProgramStream, readStream } from './streams.ts'
import { type TestRunOptions, type TestRunResult, testRun } from './test-run.ts'

/**
 * A loaded program, held by its file descriptor. It stays in the kernel until the last descriptor, pin or
 * link to it is gone.
 */
export class Program implements Disposable {
  static readonly #opener = new Opener('program', fd => Program.#opened(fd))
  /** Name: that of its spec, or the 15 bytes that the kernel kept. */
  readonly name: string
  /** Program type. */
  readonly type: ProgramType | number
  /** What it was loaded from; `undefined` for a program that was opened by id, descriptor or pin. */
  readonly spec: ProgramSpec | undefined
  /** The verifier's log of the load; `''` unless `logLevel` was set. */
  readonly verifierLog: string
  readonly #handle: ObjectHandle

  private constructor(
    handle: ObjectHandle,
    name: string,
    type: ProgramType | number,
    spec?: ProgramSpec,
    verifierLog = '',
  ) {
    this.#handle = handle
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
    const program = prepareProgram(spec)
    const { fd, verifierLog } = loadProgramHeld(program, options)
    return Program.#loaded(fd, program.spec, verifierLog)
  }

  /**
   * Loads a program on a thread of libuv's pool: the verifier may take seconds. Throws as `load` does. What the options
   * refer to may be closed meanwhile. In a worker thread without the native shim it is loaded on the thread itself.
   */
  static async loadAsync(spec: ProgramSpec, options: LoadOptions = {}): Promise<Program> {
    return Program.loadPreparedAsync(prepareProgram(spec), options)
  }

  /** @internal Loads a program that went through the first passes. Throws as `load` does. */
  static loadPrepared(program: PreparedProgram, options: LoadOptions): Program {
    const { fd, verifierLog } = loadProgram(program, options)
    return Program.#loaded(fd, program.spec, verifierLog)
  }

  /** @internal Does what `loadPrepared` does on a thread of libuv's pool. */
  static async loadPreparedAsync(program: PreparedProgram, options: LoadOptions): Promise<Program> {
    const { fd, verifierLog } = await loadProgramAsync(program, options)
    return Program.#loaded(fd, program.spec, verifierLog)
  }

  static #loaded(fd: number, spec: ProgramSpec, verifierLog: string): Program {
    const name = spec.name ?? ''
    const type = enumName(programTypes, programTypeOf(spec))
    const handle = new ObjectHandle('program', OwnedFd.adopt(fd, `program ${name}`))
    return new Program(handle, name, type, spec, verifierLog)
  }

  /**
   * Takes over a file descriptor of a program; `close` will close it. Since Linux 4.13.
   *
   * @throws RangeError when it is not an integer from 0 to 2^31 - 1
   * @throws BpfError `EBADF` when it is not open; `ERR_NOT_A_PROGRAM` when it is something else, which is closed then
   */
  static fromFd(fd: number): Program {
    return Program.#opener.fromFd(fd)
  }

  /**
   * Opens a loaded program by id. Since Linux 4.13, needs CAP_SYS_ADMIN.
   *
   * @throws RangeError when it is not an integer from 1 to 2^32 - 1
   * @throws BpfError `ENOENT` when no program has it
   */
  static fromId(id: number): Program {
    return Program.#opener.fromId(id)
  }

  /**
   * Opens a pinned program. Since Linux 4.4.
   *
   * @throws BpfError `ENOENT` when nothing is pinned there, `ERR_PIN_KIND` when it is another kind of object
   */
  static loadPinned(path: string, options: OpenPinOptions = {}): Program {
    return Program.#opener.loadPinned(path, options)
  }

  /**
   * Every program in the kernel, in the order of their ids; each must be closed by the caller. Since Linux 4.13, needs
   * CAP_SYS_ADMIN.
   *
   * @throws BpfError `EPERM` when this process may not list them
   */
  static list(): Generator<Program, undefined> {
    return Program.#opener.list()
  }

  static #opened(fd: OwnedFd): Program {
    const { id, name, type } = readProgramInfo(fd.fd)
    return new Program(new ObjectHandle('program', fd, id), name, type)
  }

  /** The file descriptor; owned by this object. Throws `ERR_CLOSED` after `close`. */
  get fd(): number {
    return this.#handle.fd.fd
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#handle.fd.closed
  }

  /** Id, unique until the next boot. Since Linux 4.13. */
  get id(): number {
    return this.#handle.id
  }

  /** Facts from the kernel. Since Linux 4.13. */
  info(): ProgramInfo {
    return readProgramInfo(this.fd)
  }

  /** The instructions as the verifier left them; empty when hidden from this user. Since Linux 4.13. */
  translated(): Instruction[] {
    return readTranslated(this.fd)
  }

  /** Runs it on given input. Since Linux 4.12. */
  testRun(options: TestRunOptions = {}): TestRunResult {
    return testRun(this, options)
  }

  /**
   * Declares that it needs a map, so that the map lives as long as it does. Since Linux 5.10.
   *
   * @throws NotSupportedError on older kernels
   * @throws BpfError when the kernel refuses
   */
  bindMap(map: { readonly fd: number }): void {
    const action = `Cannot bind a map to program ${this.name}`
    // The caller's first: a getter may close this program.
    const { fd: map_fd } = map
    checkFd(map_fd, action)
    const result = bpf('prog_bind_map', { prog_fd: this.fd, map_fd })
    if (result >= 0) return
    const cause = failure(action, result, 'bpf(BPF_PROG_BIND_MAP)')
    if (result !== -EINVAL || isAtLeast(featureSince.boundMaps)) throw cause
    const { code, errno, syscall } = cause
    const options = { code, errno, syscall, cause, action }
    throw lacking('Binding maps to programs', featureSince.boundMaps, options)
  }

  /**
   * Lets kernel functions that it calls find the instance of operations that a map has. Since Linux 7.0.
   *
   * @param map of type `struct_ops`
   * @throws BpfError `EBUSY` when it is associated with another map, `EINVAL` when it is a `struct_ops` program itself
   */
  associateStructOps(map: { readonly fd: number }): void {
    const action = `Cannot associate program ${this.name} with operations`
    // The caller's first: a getter may close this program.
    const { fd: map_fd } = map
    checkFd(map_fd, action)
    const result = bpf('prog_assoc_struct_ops', { map_fd, prog_fd: this.fd, flags: 0 })
    if (result >= 0) return
    const cause = failure(action, result, 'bpf(BPF_PROG_ASSOC_STRUCT_OPS)')
    if (result !== -EINVAL || isAtLeast(featureSince.structOpsAssociation)) throw cause
    const { code, errno, syscall } = cause
    const options = { code, errno, syscall, cause, action }
    throw lacking('Associating programs with operations', featureSince.structOpsAssociation, options)
  }

  /**
   * Takes the text that it has written to a stream since the last call (`bpf_stream_vprintk`), and on `stderr` the kernel's
   * reports of it, as of a loop that ran for too long; empty when there is none. It does not wait. Since Linux 6.17.
   *
   * @throws BpfError when the kernel refuses
   */
  readStream(stream: ProgramStream): string {
    return readStream(this, stream).toString()
  }

  /** Pins it at a path on a bpffs, where it outlives the process. Since Linux 4.4. */
  pin(path: string, options: PinOptions = {}): void {
    this.#handle.pin(path, `program ${this.name}`, options)
  }

  /** Removes a pin; the program itself stays while it is in use. */
  unpin(path: string): void {
    unpinPath(path)
  }

  /** Closes the file descriptor. Links to the program keep it in the kernel. */
  close(): void {
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Counts run time and runs of all programs, as `ProgramInfo` shows them, until it is closed. Since Linux 5.8.
 *
 * @throws BpfError when the kernel refuses
 */
export function enableStats(): Disposable & { close(): void } {
  const result = bpf('enable_stats', { type: 0 })
  if (result < 0) throw failure('Cannot enable program statistics', result, 'bpf(BPF_ENABLE_STATS)')
  return OwnedFd.adopt(result, 'program statistics')
}
