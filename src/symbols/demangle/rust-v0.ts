/**
 * The mangling of Rust since 1.37, which every release since 1.95 has by default: a grammar of paths, types and constants.
 *
 * Source: RFC 2603; The rustc book, "v0 Symbol Format".
 *
 * @module
 */

import { decodePunycode } from './punycode.ts'

/** Types of one letter. */
const TYPES: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
}
/** Those that constants have as numbers, with and without a sign. */
const INTEGERS = new Set('ahijlmnostxy')
/** How deep a name may be, and how long its readable form: back references make short names describe endless ones. */
const MAX_DEPTH = 200
const MAX_LENGTH = 1 << 14

/** Ends the reading of a name that is not one. */
class NotMangled extends Error {}

/**
 * Reads a name.
 *
 * @param text behind `_R`
 * @returns `undefined` when it is not one
 */
export function demangleV0(text: string): string | undefined {
  const parser = new Parser(text)
  try {
    return parser.symbol()
  } catch (error) {
    if (!(error instanceof NotMangled)) throw error
    return undefined
  }
}

class Parser {
  readonly #text: string
  #at = 0
  #out = ''
  /** Parts that are read but not shown. */
  #silent = 0
  #depth = 0
  /** Lifetimes that the binders around have. */
  #lifetimes = 0

  constructor(text: string) {
    this.#text = text
  }

  symbol(): string {
    this.#path(true)
    // The crate that has the instance.
    if (this.#at < this.#text.length) this.#silently(() => this.#path(false))
    if (this.#at !== this.#text.length) throw new NotMangled()
    return this.#out
  }

  #write(text: string): void {
    if (this.#silent > 0) return
    this.#out += text
    if (this.#out.length > MAX_LENGTH) throw new NotMangled()
  }

  #silently(read: () => void): void {
    this.#silent++
    read()
    this.#silent--
  }

  #next(): string {
    const letter = this.#text[this.#at++]
    if (letter === undefined) throw new NotMangled()
    return letter
  }

  #eat(letter: string): boolean {
    if (this.#text[this.#at] !== letter) return false
    this.#at++
    return true
  }

  #nested(read: () => void): void {
    if (++this.#depth > MAX_DEPTH) throw new NotMangled()
    read()
    this.#depth--
  }

  /** `_` is 0, `0_` is 1, `10_` is 63. */
  #base62(): number {
    if (this.#eat('_')) return 0
    let value = 0
    for (;;) {
      const letter = this.#next()
      if (letter === '_') return value + 1
      const digit = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(letter)
      if (digit === -1) throw new NotMangled()
      // Hashes of crates, which have 64 bits, are not shown.
      value = value * 62 + digit
    }
  }

  /** A number behind a letter, 0 without it. */
  #optional(letter: string): number {
    return this.#eat(letter) ? this.#base62() + 1 : 0
  }

  #identifier(): string {
    const encoded = this.#eat('u')
    const [digits] = /^(?:0|[1-9]\d{0,5})/.exec(this.#text.slice(this.#at, this.#at + 6)) ?? []
    if (digits === undefined) throw new NotMangled()
    this.#at += digits.length
    this.#eat('_')
    const end = this.#at + Number(digits)
    if (end > this.#text.length) throw new NotMangled()
    const name = this.#text.slice(this.#at, end)
    this.#at = end
    if (!encoded) return name
    const decoded = decodePunycode(name)
    if (decoded === undefined) throw new NotMangled()
    return decoded
  }

  /** Reads again what comes earlier in the name. */
  #backReference(read: () => void): void {
    const from = this.#at - 1
    const target = this.#base62()
    if (target >= from) throw new NotMangled()
    // What is not shown needs no second look.
    if (this.#silent > 0) return
    const here = this.#at
    this.#at = target
    this.#nested(read)
    this.#at = here
  }

  /** @param value whether it names a value, whose arguments come behind `::` */
  #path(value: boolean): void {
    this.#nested(() => {
      switch (this.#next()) {
        case 'C':
          this.#optional('s')
          this.#write(this.#identifier())
          break
        case 'M':
          this.#implementation()
          this.#write('<')
          this.#type()
          this.#write('>')
          break
        case 'X':
          this.#implementation()
          this.#trait()
          break
        case 'Y':
          this.#trait()
          break
        case 'N':
          this.#member(value)
          break
        case 'I':
          this.#path(value)
          if (value) this.#write('::')
          this.#write('<')
          this.#list(() => this.#argument())
          this.#write('>')
          break
        case 'B':
          this.#backReference(() => this.#path(value))
          break
        default:
          throw new NotMangled()
      }
    })
  }

  /** Where an implementation is, which its type says better. */
  #implementation(): void {
    this.#optional('s')
    this.#silently(() => this.#path(false))
  }

  #trait(): void {
    this.#write('<')
    this.#type()
    this.#write(' as ')
    this.#path(false)
    this.#write('>')
  }

  #member(value: boolean): void {
    const namespace = this.#next()
    if (!/[a-zA-Z]/.test(namespace)) throw new NotMangled()
    this.#path(value)
    const number = this.#optional('s')
    const name = this.#identifier()
    if (namespace >= 'a') {
      if (name !== '') this.#write(`::${name}`)
      return
    }
    const kind = namespace === 'C' ? 'closure' : namespace === 'S' ? 'shim' : namespace
    this.#write(`::{${kind}${name === '' ? '' : `:${name}`}#${number}}`)
  }

  /** Items up to `E`, with commas; how many there are. */
  #list(read: () => void): number {
    let count = 0
    for (; !this.#eat('E'); count++) {
      if (count > 0) this.#write(', ')
      read()
    }
    return count
  }

  #argument(): void {
    if (this.#eat('L')) this.#lifetime(this.#base62())
    else if (this.#eat('K')) this.#constant()
    else this.#type()
  }

  #lifetime(index: number): void {
    if (index === 0) {
      this.#write("'_")
      return
    }
    const depth = this.#lifetimes - index
    if (depth < 0) throw new NotMangled()
    this.#write(depth < 26 ? `'${String.fromCharCode(0x61 + depth)}` : `'_${depth}`)
  }

  /** Something with lifetimes of its own: `for<'a> `. */
  #bound(read: () => void): void {
    const count = this.#optional('G')
    if (count > MAX_DEPTH) throw new NotMangled()
    if (count > 0) this.#write('for<')
    for (let i = 0; i < count; i++) {
      if (i > 0) this.#write(', ')
      this.#lifetimes++
      this.#lifetime(1)
    }
    if (count > 0) this.#write('> ')
    read()
    this.#lifetimes -= count
  }

  #type(): void {
    this.#nested(() => {
      const letter = this.#next()
      if (Object.hasOwn(TYPES, letter)) {
        this.#write(TYPES[letter]!)
        return
      }
      switch (letter) {
        case 'A':
        case 'S':
          this.#write('[')
          this.#type()
          if (letter === 'A') {
            this.#write('; ')
            this.#constant()
          }
          this.#write(']')
          break
        case 'T':
          this.#write('(')
          if (this.#list(() => this.#type()) === 1) this.#write(',')
          this.#write(')')
          break
        case 'R':
        case 'Q':
          this.#reference(letter === 'Q')
          break
        case 'P':
        case 'O':
          this.#write(letter === 'P' ? '*const ' : '*mut ')
          this.#type()
          break
        case 'F':
          this.#bound(() => this.#signature())
          break
        case 'D':
          this.#object()
          break
        case 'B':
          this.#backReference(() => this.#type())
          break
        default:
          this.#at--
          this.#path(false)
      }
    })
  }

  #reference(mutable: boolean): void {
    this.#write('&')
    if (this.#eat('L')) {
      const lifetime = this.#base62()
      if (lifetime !== 0) {
        this.#lifetime(lifetime)
        this.#write(' ')
      }
    }
    if (mutable) this.#write('mut ')
    this.#type()
  }

  #signature(): void {
    if (this.#eat('U')) this.#write('unsafe ')
    if (this.#eat('K')) {
      const abi = this.#eat('C') ? 'C' : this.#identifier().replaceAll('_', '-')
      this.#write(`extern "${abi}" `)
    }
    this.#write('fn(')
    this.#list(() => this.#type())
    this.#write(')')
    if (this.#eat('u')) return
    this.#write(' -> ')
    this.#type()
  }

  /** `dyn Trait<Item = T> + Other + 'a`. */
  #object(): void {
    this.#write('dyn ')
    this.#bound(() => {
      for (let count = 0; !this.#eat('E'); count++) {
        if (count > 0) this.#write(' + ')
        this.#dynTrait()
      }
    })
    if (!this.#eat('L')) throw new NotMangled()
    const lifetime = this.#base62()
    if (lifetime === 0) return
    this.#write(' + ')
    this.#lifetime(lifetime)
  }

  #dynTrait(): void {
    const open = this.#openPath()
    let first = !open
    while (this.#eat('p')) {
      this.#write(first ? '<' : ', ')
      first = false
      this.#write(`${this.#identifier()} = `)
      this.#type()
    }
    if (!first) this.#write('>')
  }

  /** A path whose list of arguments, if it has one, is left open; whether it has. */
  #openPath(): boolean {
    if (this.#eat('B')) {
      let open = false
      this.#backReference(() => {
        open = this.#openPath()
      })
      return open
    }
    if (!this.#eat('I')) {
      this.#path(false)
      return false
    }
    this.#path(false)
    this.#write('<')
    this.#list(() => this.#argument())
    return true
  }

  #constant(): void {
    this.#nested(() => {
      const type = this.#next()
      if (type === 'B') this.#backReference(() => this.#constant())
      else if (type === 'p') this.#write('_')
      else if (INTEGERS.has(type)) this.#write(`${this.#eat('n') ? '-' : ''}${this.#number()}`)
      else if (type === 'b') this.#write(this.#number() === 0n ? 'false' : 'true')
      else if (type === 'c') {
        const code = this.#number()
        if (code > 0x10_ffffn) throw new NotMangled()
        this.#write(`'${String.fromCodePoint(Number(code))}'`)
      } else throw new NotMangled()
    })
  }

  /** Hexadecimal digits up to `_`. */
  #number(): bigint {
    const [text, digits = ''] = /^([\da-f]{0,64})_/.exec(this.#text.slice(this.#at, this.#at + 65)) ?? []
    if (text === undefined) throw new NotMangled()
    this.#at += text.length
    return BigInt(`0x${digits === '' ? '0' : digits}`)
  }
}
