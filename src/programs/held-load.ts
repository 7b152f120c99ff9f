/**
 * The descriptors of a load while the caller's code may run, which may close what they are of: another object would have
 * the number then.
 *
 * @module
 */

import { types } from 'node:util'
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../abi/constants.ts'
import type { Instruction } from '../asm/instruction.ts'
import { LDIMM64 } from '../asm/opcodes.ts'
import { resolveToken } from '../kernel/tokens/automatic.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import type { LoadOptions, ProgramSignature } from './load-options.ts'
import type { PreparedProgram } from './prepare.ts'

const LOW_HALF = 0xffff_ffffn

/** A copy of a signature. A number or an object with a length would make one of zeros. */
function heldSignature(signature: ProgramSignature): ProgramSignature {
  const { pkcs7, ...rest } = signature
  if (!types.isUint8Array(pkcs7))
    throw new TypeError('Cannot load a signed program: pkcs7 is not a Uint8Array')
  return { ...rest, pkcs7: new Uint8Array(pkcs7) }
}

/** A program and the options of its load, with duplicates in place of all descriptors of the caller. */
export class HeldLoad implements Disposable {
  readonly program: PreparedProgram
  readonly options: LoadOptions
  readonly #copies: OwnedFd[] = []

  /**
   * Takes the duplicates: of maps when each is first asked for, of the rest now.
   *
   * @param awaited whether the caller's code runs before the call: descriptors that instructions have as numbers are
   *   duplicated too
   * @throws BpfError `ERR_CLOSED` or `EBADF` when something is closed already, `EMFILE`
   */
  constructor({ spec, poisons }: PreparedProgram, options: LoadOptions, awaited: boolean) {
    this.options = { ...options }
    try {
      // Of the copy: a getter of the caller runs once.
      const { maps, btf, structOps, fdArray, boundMaps, signature } = this.options
      if (maps !== undefined) this.options.maps = this.#heldMaps(maps)
      if (btf !== undefined)
        this.options.btf = { fd: this.#hold(btf.fd), stringOffset: text => btf.stringOffset(text) }
      if (structOps?.moduleFd !== undefined)
        this.options.structOps = { ...structOps, moduleFd: this.#hold(structOps.moduleFd) }
      if (boundMaps !== undefined)
        this.options.boundMaps = boundMaps.map(({ fd }) => ({ fd: this.#hold(fd) }))
      if (signature !== undefined) this.options.signature = heldSignature(signature)
      // The first stands for the kernel itself.
      if (fdArray !== undefined)
        this.options.fdArray = fdArray.map((fd, index) => (index === 0 ? fd : this.#hold(fd)))
      const token = resolveToken(this.options.token)
      this.options.token = token !== undefined && { fd: this.#hold(token.fd), path: token.path }
      const target = spec.attachProgram
      let held = target === undefined ? spec : { ...spec, attachProgram: { fd: this.#hold(target.fd) } }
      if (awaited) held = { ...held, instructions: this.#heldInstructions(spec.instructions) }
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

  /** Loads of maps, and of variables of modules, by number: the low half is the map, the high half the module's BTF. */
  #heldInstructions(instructions: Instruction[]): Instruction[] {
    let held: Instruction[] | undefined
    const known = new Map<number, number>()
    const hold = (number: bigint): bigint => {
      const fd = Number(BigInt.asIntN(32, number))
      let copy = known.get(fd)
      if (copy === undefined) {
        copy = this.#hold(fd)
        known.set(fd, copy)
      }
      return BigInt(copy)
    }
    for (let i = 0; i < instructions.length; i++) {
      const instruction = instructions[i]!
      const { opcode, src, reference } = instruction
      if (opcode !== LDIMM64 || src === 0 || reference !== undefined) continue
      const isMap = src === BPF_PSEUDO_MAP_FD || src === BPF_PSEUDO_MAP_VALUE
      const imm = BigInt.asUintN(64, BigInt(instruction.imm))
      const [high, low] = [imm >> 32n, imm & LOW_HALF]
      if (!isMap && (src !== BPF_PSEUDO_BTF_ID || high === 0n)) continue
      held ??= [...instructions]
      const numbers = isMap ? [high, hold(low)] : [hold(high), low]
      held[i] = { ...instruction, imm: (numbers[0]! << 32n) | numbers[1]! }
    }
    return held ?? instructions
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
