/**
 * Rows of user ring buffers.
 *
 * @module
 */

import { Collection, CollectionSpec } from 'ebpf-ts'
import { array, u32 } from 'ebpf-ts/base'
import { UserRingBuffer } from 'ebpf-ts/readers'
import { check, now, rounds, type Setup } from '../work.ts'
import { sumTo } from './ring.ts'

const RECORDS = 26_000
const SIZE = 32
const PACKET = new Uint8Array(14)

/** Sends records numbered from 0, and has the program take them, which is not timed. */
function sending(send: (ring: UserRingBuffer<number[]>, number: number) => boolean): Setup {
  return options => {
    const collection = Collection.load(CollectionSpec.fromFile('bench/bpf/user-ring.bpf.o'))
    const ring = UserRingBuffer.open<number[]>(collection.maps.get('commands'), {
      codec: array(u32, SIZE / 4),
    })
    const program = collection.programs.get('drain')
    const records = collection.variables.get('records')
    const sum = collection.variables.get('sum')
    const round = (): number => {
      records.set(0n)
      sum.set(0n)
      let sent = 0
      const start = now()
      while (sent < RECORDS && send(ring, sent)) sent++
      const time = now() - start
      program.testRun({ data: PACKET })
      check(Number(records.get()) === RECORDS, `${records.get()} records of ${RECORDS}`)
      check(Number(sum.get()) === sumTo(RECORDS), 'records have another content')
      return time
    }
    return rounds(options, RECORDS, round, () => {
      ring.close()
      collection.close()
    })
  }
}

const value = Array.from({ length: SIZE / 4 }, () => 0)

/** `user-ring-submit`, and its variant by value. */
export const userRingSetups: Readonly<Record<string, Setup>> = {
  'user-ring-submit': sending((ring, number) => {
    const record = ring.reserve(SIZE)
    if (record === undefined) return false
    record.view.setUint32(record.offset, number, true)
    record.submit()
    return true
  }),
  'user-ring-submit-send': sending((ring, number) => {
    value[0] = number
    return ring.send(value)
  }),
}
