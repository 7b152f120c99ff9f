/**
 * Files in .xz format: what `.gnu_debugdata` holds.
 *
 * Source: The .xz File Format 1.2.1.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { crc64 } from './crc64.ts'
import { damaged, Lzma2Decoder } from './lzma2.ts'

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
const FOOTER_MAGIC = [0x59, 0x5a]
/** Bytes of the header and of the footer of a stream. */
const HEADER = 12
const FOOTER = 12
const LZMA2 = 0x21
/** Bytes of a block at least: a header of 12, and the end of its data with what fills it up to 4. */
const SMALLEST_BLOCK = 16
/** Bytes of a check, by its type. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]

/**
 * Decompresses a file with one stream of LZMA2.
 *
 * @param maxSize greatest number of bytes of the result; the file says how many there are, before anything is allocated
 * @throws ObjectFileError when it is damaged, too large, or uses another filter
 */
export function decompressXz(input: Uint8Array, maxSize: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(input.buffer, input.byteOffset, input.length)
  const footer = input.length - FOOTER
  if (footer < HEADER || !hasBytes(input, 0, MAGIC)) throw damaged('it does not begin as an .xz file')
  if (!hasBytes(input, footer + 10, FOOTER_MAGIC)) throw damaged('it does not end as an .xz file')
  const check = input[7]! & 0x0f
  if (input[6] !== 0 || input[7] !== check || input[footer + 8] !== 0 || input[footer + 9] !== check) {
    throw damaged('unknown flags')
  }
  requireCrc(view, 8, crc32(input.subarray(6, 8)))
  requireCrc(view, footer, crc32(input.subarray(footer + 4, footer + 10)))
  const index = footer - (view.getUint32(footer + 4, true) + 1) * 4
  if (index < HEADER) throw damaged('its index is outside')
  const { count, size } = checkIndex(input, index, footer)
  if (size > maxSize) throw damaged(`${size} bytes exceed the limit of ${maxSize}`)

  const output = new Uint8Array(size)
  const decoder = new Lzma2Decoder(input.subarray(0, index), output)
  const records = new IntegerReader(input, index + 1, footer)
  records.next()
  let at = HEADER
  let to = 0
  for (let block = 0; block < count; block++) {
    // Bytes of the block without the padding behind its data, and of its contents.
    const [unpadded, contents] = [records.next(), records.next()]
    const data = readBlockHeader(input, at, index)
    const done = decoder.run(data, to, to + contents)
    const checkAt = at + Math.ceil((done.at - at) / 4) * 4
    const end = checkAt + CHECK_SIZES[check]!
    if (done.to !== to + contents || end - at !== Math.ceil(unpadded / 4) * 4 || end > index) {
      throw damaged('a block has another size than the index says')
    }
    requireCheck(check, output.subarray(to, done.to), input.subarray(checkAt, end))
    at = end
    to = done.to
  }
  if (at !== index) throw damaged('blocks are missing in the index')
  return output
}

/** Number of blocks, and bytes of their contents, by an index whose numbers and checksum are in order. */
function checkIndex(input: Uint8Array, start: number, end: number): { count: number; size: number } {
  const reader = new IntegerReader(input, start + 1, end)
  if (input[start] !== 0) throw damaged('its index is missing')
  const count = reader.next()
  if (count > (start - HEADER) / SMALLEST_BLOCK) throw damaged(`its file has no room for ${count} blocks`)
  let size = 0
  for (let block = 0; block < count; block++) {
    reader.next()
    size += reader.next()
  }
  const checksum = start + Math.ceil((reader.at - start) / 4) * 4
  if (checksum + 4 !== end) throw damaged('its index has another size')
  const view = new DataView(input.buffer, input.byteOffset, input.length)
  requireCrc(view, checksum, crc32(input.subarray(start, checksum)))
  return { count, size }
}

/** Where the data of a block begins. */
function readBlockHeader(input: Uint8Array, at: number, end: number): number {
  const size = (input[at]! + 1) * 4
  if (at >= end || at + size > end || input[at] === 0) throw damaged('a block is missing')
  const view = new DataView(input.buffer, input.byteOffset, input.length)
  requireCrc(view, at + size - 4, crc32(input.subarray(at, at + size - 4)))
  const flags = input[at + 1]!
  const reader = new IntegerReader(input, at + 2, at + size - 4)
  if ((flags & 0x40) !== 0) reader.next()
  if ((flags & 0x80) !== 0) reader.next()
  if ((flags & 0x3f) !== 0 || reader.next() !== LZMA2) throw damaged('a filter other than LZMA2')
  return at + size
}

/** Integers of variable length. */
class IntegerReader {
  at: number
  readonly #input: Uint8Array
  readonly #end: number

  constructor(input: Uint8Array, at: number, end: number) {
    this.#input = input
    this.at = at
    this.#end = end
  }

  next(): number {
    let value = 0
    // Seven bits each; seven of them are within what a number holds exactly.
    for (let i = 0; i < 7; i++) {
      if (this.at >= this.#end) break
      const byte = this.#input[this.at++]!
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    throw damaged('a number is too long')
  }
}

function hasBytes(input: Uint8Array, at: number, bytes: readonly number[]): boolean {
  return bytes.every((byte, i) => input[at + i] === byte)
}

function requireCrc(view: DataView, at: number, crc: number): void {
  if (view.getUint32(at, true) !== crc) throw damaged('a checksum of its headers is wrong')
}

/** Compares contents with their check; one of a type without a meaning is not looked at. */
function requireCheck(type: number, contents: Uint8Array, check: Uint8Array): void {
  const view = new DataView(check.buffer, check.byteOffset, check.length)
  const equal =
    type === 1
      ? view.getUint32(0, true) === crc32(contents)
      : type === 4
        ? view.getBigUint64(0, true) === crc64(contents)
        : type === 10
          ? createHash('sha256').update(contents).digest().equals(check)
          : true
  if (!equal) throw damaged('the checksum of its contents is wrong')
}
