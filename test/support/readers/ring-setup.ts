/**
 * What tests of ring buffers share.
 *
 * @module
 */

import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { ExecutionContext } from 'ava'
import { F_DUPFD_CLOEXEC } from '../../../src/abi/linux.ts'
import type { BpfMap } from '../../../src/maps/map.ts'
import type { Program } from '../../../src/programs/program.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { nr } from '../../../src/syscalls/numbers.ts'
import { CHECKSUM } from './record-code.ts'
import type { ProducerData } from './ring-process.ts'
import { createRing, outputProgram } from './ring-programs.ts'

/** Script of the processes and of the producer threads. */
export const processScript: URL = new URL('./ring-process.js', import.meta.url)

/** Bytes from numbers. */
export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** How many descriptors this process has open. */
export const countFds = (): number => readdirSync('/proc/self/fd').length

/** A ring with its reader and a program that writes into it; all closed after the test. */
export function setUp(
  t: ExecutionContext,
  size?: number,
): { map: BpfMap; ring: RingBuffer; program: Program } {
  const map = createRing('events', size)
  const program = outputProgram(map)
  const ring = RingBuffer.open(map)
  t.teardown(() => {
    ring.close()
    program.close()
    map.close()
  })
  return { map, ring, program }
}

/** Drains copies. */
export function drain(ring: RingBuffer, limit?: number): number[][] {
  const records: number[][] = []
  ring.drain(({ data }) => records.push([...data]), limit === undefined ? {} : { limit })
  return records
}

/** Runs a program in a thread; settles when the thread has ended. */
export async function runInWorker(program: Program, work: Omit<ProducerData, 'fd'>): Promise<void> {
  const fd = syscallEntry().syscall(nr.fcntl, program.fd, F_DUPFD_CLOEXEC, 3)
  const worker = new Worker(processScript, { workerData: { fd, ...work } satisfies ProducerData })
  const [code] = await once(worker, 'exit')
  if (code !== 0) throw new Error(`The producer ended with code ${code}`)
}

/** Checks records of `countingProgram`: whole, and numbers that only grow. */
export class Checker {
  received = 0
  /** Bytes of what was received, headers included. */
  bytes = 0
  wrong = 0
  #last: bigint = -1n

  readonly check = (view: DataView, offset: number, length: number): void => {
    const number = this.checkWhole(view, offset, length)
    if (number <= this.#last) this.wrong++
    this.#last = number
  }

  /** As `check`, for records of several producers; returns its number. */
  checkWhole(view: DataView, offset: number, length: number): bigint {
    this.received++
    this.bytes += 8 + length
    const number = view.getBigUint64(offset, true)
    let right = length === 16 + Number(number & 7n) * 8
    right &&= view.getBigUint64(offset + 8, true) === number * BigInt(CHECKSUM)
    for (let at = 16; right && at < length; at += 8) right = view.getBigUint64(offset + at, true) === number
    if (!right) this.wrong++
    return number
  }
}
