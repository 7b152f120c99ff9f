/**
 * The shim backend: the few functions of `native/`, in Rust. The only file that loads it.
 *
 * @module
 */

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { BpfError, closedError } from '../errors.ts'
import type { FdWatcher, SyscallEntry } from './entry.ts'
import { watchError } from './epoll.ts'

/** Stands for a watcher of the shim. It must not be used after `watcherClose`. */
type Handle = object

/** What `native/src/lib.rs` exports. */
interface Shim extends Pick<SyscallEntry, 'syscall' | 'syscallAsync' | 'addressOf'> {
  /** An active watcher, or -errno. */
  watch(fd: number, onReadable: () => void): Handle | number
  watcherStart(handle: Handle): void
  watcherStop(handle: Handle): void
  watcherRef(handle: Handle): void
  watcherUnref(handle: Handle): void
  watcherClose(handle: Handle): void
}

/**
 * Loads the shim.
 *
 * @returns undefined when no prebuilt file is present
 * @throws BpfError when there is one that Node cannot load
 */
export function openShim(): SyscallEntry | undefined {
  const require = createRequire(import.meta.url)
  const path = findShim(require)
  if (path === undefined) return undefined
  let shim: Shim
  try {
    shim = require(path)
  } catch (cause) {
    throw new BpfError(`Cannot load the native shim ${path} (EBPF_TS_BACKEND=koffi does without it)`, {
      code: 'ERR_BACKEND',
      cause,
    })
  }
  const { syscall, syscallAsync, addressOf } = shim
  return {
    backend: 'shim',
    syscall,
    syscallAsync,
    addressOf,
    watch: (fd, onReadable) => {
      const handle = shim.watch(fd, onReadable)
      if (typeof handle === 'number') throw watchError(fd, handle, 'uv_poll_init')
      return new ShimWatcher(shim, handle)
    },
  }
}

/** The file built in this package, or that of an installed package; with either name of the C library, as it uses none. */
function findShim(require: NodeJS.Require): string | undefined {
  for (const libc of ['gnu', 'musl']) {
    const platform = `linux-${process.arch}-${libc}`
    const candidates = [
      () => join(dirname(require.resolve('ebpf-ts/package.json')), 'native', `shim.${platform}.node`),
      () => `@ebpf-ts/shim-${platform}`,
    ]
    for (const candidate of candidates) {
      try {
        return require.resolve(candidate())
      } catch {
        // Not there: the next.
      }
    }
  }
  return undefined
}

/** Keeps the handle from being used after its end; the watcher itself lives in the shim. */
class ShimWatcher implements FdWatcher {
  readonly #shim: Shim
  #handle: Handle | undefined

  constructor(shim: Shim, handle: Handle) {
    this.#shim = shim
    this.#handle = handle
  }

  start(): void {
    if (this.#handle === undefined) throw closedError('Watcher')
    this.#shim.watcherStart(this.#handle)
  }

  stop(): void {
    if (this.#handle !== undefined) this.#shim.watcherStop(this.#handle)
  }

  ref(): void {
    if (this.#handle !== undefined) this.#shim.watcherRef(this.#handle)
  }

  unref(): void {
    if (this.#handle !== undefined) this.#shim.watcherUnref(this.#handle)
  }

  close(): void {
    if (this.#handle === undefined) return
    const handle = this.#handle
    this.#handle = undefined
    this.#shim.watcherClose(handle)
  }
}
