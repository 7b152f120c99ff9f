/**
 * Profiles of pprof, read back: a decoder of Protocol Buffers that knows nothing of what wrote them.
 *
 * @module
 */

/** Values of each field, in the order in which they stand. */
type Fields = Map<number, (bigint | Uint8Array)[]>

function fieldsOf(bytes: Uint8Array): Fields {
  const fields: Fields = new Map()
  let at = 0
  const varint = (): bigint => {
    let [value, shift] = [0n, 0n]
    for (;;) {
      if (at >= bytes.length) throw new Error('The message ends within a number')
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      shift += 7n
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const key = Number(varint())
    const values = fields.get(key >> 3) ?? []
    fields.set(key >> 3, values)
    if ((key & 7) === 0) values.push(varint())
    else if ((key & 7) === 2) {
      const length = Number(varint())
      if (at + length > bytes.length) throw new Error('The message ends within a field')
      values.push(bytes.subarray(at, at + length))
      at += length
    } else throw new Error(`Wire type ${key & 7}`)
  }
  return fields
}

const messages = (fields: Fields, field: number): Fields[] =>
  (fields.get(field) ?? []).map(each => fieldsOf(each as Uint8Array))
const integer = (fields: Fields, field: number): bigint =>
  (fields.get(field)?.[0] as bigint | undefined) ?? 0n

function packed(fields: Fields, field: number): bigint[] {
  return (fields.get(field) ?? []).flatMap(each => {
    const values: bigint[] = []
    let [value, shift] = [0n, 0n]
    for (const byte of each as Uint8Array) {
      value |= BigInt(byte & 0x7f) << shift
      shift += 7n
      if (byte >= 0x80) continue
      values.push(BigInt.asIntN(64, value))
      value = shift = 0n
    }
    return values
  })
}

/** A profile with its strings put in. */
export interface DecodedProfile {
  readonly sampleTypes: readonly string[]
  readonly samples: readonly {
    /** `name file:line`, the leaf first. */
    readonly frames: readonly string[]
    readonly values: readonly bigint[]
    readonly labels: Readonly<Record<string, string | bigint>>
  }[]
  readonly periodType: string | undefined
  readonly period: bigint
  readonly time: bigint
  readonly duration: bigint
  readonly comments: readonly string[]
  readonly functions: number
}

/** Reads a profile. Every reference in it must lead to something. */
export function decodeProfile(bytes: Uint8Array): DecodedProfile {
  const profile = fieldsOf(bytes)
  const strings = (profile.get(6) ?? []).map(each =>
    new TextDecoder('utf-8', { fatal: true }).decode(each as Uint8Array),
  )
  if (strings[0] !== '') throw new Error('String 0 is not empty')
  const string = (index: bigint): string => {
    const text = strings[Number(index)]
    if (text === undefined) throw new Error(`No string ${index}`)
    return text
  }
  const byId = (field: number): Map<bigint, Fields> => {
    const map = new Map(messages(profile, field).map(each => [integer(each, 1), each]))
    if (map.has(0n)) throw new Error('An id is 0')
    return map
  }
  const [locations, functions] = [byId(4), byId(5)]
  const typeOf = (type: Fields): string => `${string(integer(type, 1))}/${string(integer(type, 2))}`
  const frameOf = (id: bigint): string => {
    const line = messages(locations.get(id)!, 4)[0]!
    const called = functions.get(integer(line, 1))!
    const [name, file, number] = [string(integer(called, 2)), string(integer(called, 4)), integer(line, 2)]
    return `${name} ${file}:${number}`
  }
  return {
    sampleTypes: messages(profile, 1).map(typeOf),
    samples: messages(profile, 2).map(sample => ({
      frames: packed(sample, 1).map(frameOf),
      values: packed(sample, 2),
      labels: Object.fromEntries(
        messages(sample, 3).map(label => [
          string(integer(label, 1)),
          label.has(2) ? string(integer(label, 2)) : BigInt.asIntN(64, integer(label, 3)),
        ]),
      ),
    })),
    periodType: messages(profile, 11).map(typeOf)[0],
    period: integer(profile, 12),
    time: integer(profile, 9),
    duration: integer(profile, 10),
    comments: packed(profile, 13).map(string),
    functions: functions.size,
  }
}
