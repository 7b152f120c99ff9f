/**
 * CRC-64 of ECMA-182, as .xz files have it. Two halves of 32 bits: bigints would take a hundred times as long.
 *
 * Source: The .xz File Format 1.2.1, section 6.
 *
 * @module
 */

/** The polynomial with its bits reversed: upper and lower half. */
const POLYNOMIAL = [0xc96c_5795, 0xd787_0f42] as const

let tables: { high: Uint32Array; low: Uint32Array } | undefined

function makeTables(): { high: Uint32Array; low: Uint32Array } {
  const [high, low] = [new Uint32Array(256), new Uint32Array(256)]
  for (let byte = 0; byte < 256; byte++) {
    let [upper, lower] = [0, byte]
    for (let bit = 0; bit < 8; bit++) {
      const odd = (lower & 1) === 1
      lower = (lower >>> 1) | (upper << 31)
      upper >>>= 1
      if (odd) {
        upper ^= POLYNOMIAL[0]
        lower ^= POLYNOMIAL[1]
      }
    }
    high[byte] = upper
    low[byte] = lower
  }
  return { high, low }
}

/** The checksum of some bytes. */
export function crc64(bytes: Uint8Array): bigint {
  tables ??= makeTables()
  const { high, low } = tables
  let [upper, lower] = [-1, -1]
  for (let i = 0; i < bytes.length; i++) {
    const index = (lower ^ bytes[i]!) & 0xff
    lower = (lower >>> 8) | (upper << 24)
    upper = (upper >>> 8) ^ high[index]!
    lower ^= low[index]!
  }
  return (BigInt(~upper >>> 0) << 32n) | BigInt(~lower >>> 0)
}
