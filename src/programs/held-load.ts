/**
 * The descriptors of a load while the caller's code may run, which may close what they are of: another object would have
 * the number then.
 *
 * @module
 */

import { resolveToken } from '../kernel/tokens/automatic.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import type { LoadOptions } from './load-options.ts'
import type { PreparedProgram } from './prepare.ts'

/** A program and the options of its load, with duplicates in place of all descriptors of the caller. */
export class HeldLoad implements Disposable {
  readonly program: PreparedProgram
  readonly options: LoadOptions
  readonly #copies: OwnedFd[] = []

  /**
   * Takes the duplicates: of maps when each is first asked for, of the rest now.
   *
   * @throws BpfError `ERR_CLOSED` or `EBADF` when something is closed already, `EMFILE`
   */
  constructor({ spec, poisons }: PreparedProgram, options: LoadOptions) {
    this.options = { ...options }
    try {
      const { maps, btf, structOps, fdArray } = options
      if (maps !== undefined) this.options.maps = this.#heldMaps(maps)
      if (btf !== undefined)
        this.options.btf = { fd: this.#hold(btf.fd), stringOffset: text => btf.stringOffset(text) }
      if (structOps?.moduleFd !== undefined)
        this.options.structOps = { ...structOps, moduleFd: this.#hold(structOps.moduleFd) }
      // The first stands for the kernel itself.
      if (fdArray !== undefined)
        this.options.fdArray = fdArray.map((fd, index) => (index === 0 ? fd : this.#hold(fd)))
      const token = resolveToken(options.token)
      this.options.token = token !== undefined && { fd: this.#hold(token.fd), path: token.path }
      const target = spec.attachProgram
      const held = target === undefined ? spec : { ...spec, attachProgram: { fd: this.#hold(target.fd) } }
      this.program = { spec: held, poisons }
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  #heldMaps(maps: NonNullable<LoadOptions['maps']>): NonNullable<LoadOptions['maps']> {
    const known = new Map<string, { readonly fd: number } | undefined>()
    return name => {
      if (known.has(name)) return known.get(name)
      const map = maps(name)
      const held = map === undefined ? undefined : { fd: this.#hold(map.fd) }
      known.set(name, held)
      return held
    }
  }

  #hold(fd: number): number {
    const copy = OwnedFd.copyOf(fd, `descriptor ${fd}`)
    this.#copies.push(copy)
    return copy.fd
  }

  /** Closes the duplicates. */
  [Symbol.dispose](): void {
    for (const copy of this.#copies.splice(0)) copy.close()
  }
}
