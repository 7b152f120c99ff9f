/**
 * A thread that reads the ring buffer with the id it is given, and posts: first that it is ready, then each record.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import { BpfMap } from '../../../src/maps/map.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'

const ring = RingBuffer.open(BpfMap.fromId(workerData as number))
parentPort?.postMessage('ready')
for await (const { data } of ring.records()) parentPort?.postMessage(data)
