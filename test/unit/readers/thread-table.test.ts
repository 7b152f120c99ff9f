import test from 'ava'
import { TABLE_WORDS, ThreadTable } from '../../../src/readers/threads/thread-table.ts'
import { FakeThreads } from '../../support/readers/fake-user-ring.ts'

const SLOTS = 64

test('a thread that ended while it took a slot leaves it to others', t => {
  const words = new Int32Array(new SharedArrayBuffer(TABLE_WORDS * 4))
  const threads = new FakeThreads()
  const taking = { tid: 5, start: 0 }
  // The number of a slot's thread is the first of three words, behind that of the lock.
  for (let slot = 0; slot < SLOTS; slot++) words[1 + slot * 3] = -taking.tid
  const table = new ThreadTable(words, threads)
  t.throws(() => table.join(), { code: 'ERR_BUSY' })
  threads.kill(taking)
  const id = table.join()
  t.true(table.isAlive(id))
  table.leave(id)
  t.false(table.isAlive(id))
})
