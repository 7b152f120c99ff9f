/**
 * The registers, as values that cannot be mistaken for an immediate.
 *
 * Source: RFC 9669, section 2 and the calling convention of the kernel (Documentation/bpf/standardization/abi.rst).
 *
 * @module
 */

/** A register. `mov(r1, r2)` copies one, `mov(r1, 2)` loads a number. */
export class Register {
  /** 0 to 11. */
  readonly number: number

  /** @throws RangeError when the number is not 0 to 11 */
  constructor(number: number) {
    if (!(Number.isInteger(number) && number >= 0 && number <= 11)) {
      throw new RangeError(`Cannot name register ${number}: registers are 0 to 11`)
    }
    this.number = number
    Object.freeze(this)
  }

  /** As assembly writes it: `'r1'`. */
  toString(): string {
    return `r${this.number}`
  }
}

/** Return value of calls and of the program. */
export const r0: Register = new Register(0)
/** First argument of calls; the context when a program starts. Calls clobber it. */
export const r1: Register = new Register(1)
/** Second argument of calls. Calls clobber it. */
export const r2: Register = new Register(2)
/** Third argument of calls. Calls clobber it. */
export const r3: Register = new Register(3)
/** Fourth argument of calls. Calls clobber it. */
export const r4: Register = new Register(4)
/** Fifth argument of calls. Calls clobber it. */
export const r5: Register = new Register(5)
/** Kept across calls. */
export const r6: Register = new Register(6)
/** Kept across calls. */
export const r7: Register = new Register(7)
/** Kept across calls. */
export const r8: Register = new Register(8)
/** Kept across calls. */
export const r9: Register = new Register(9)
/** Frame pointer, read-only: the stack is the 512 bytes below it. */
export const r10: Register = new Register(10)
/**
 * Base of the arguments of calls beyond the fifth: argument `5 + n` is stored at `r11 - 8 * n` before the call, and read at
 * `r11 + 8 * n` by the function. Since 7.2.
 */
export const r11: Register = new Register(11)
