import test from 'ava'
import { processExists, readIdentity, readStartTime } from '../../../src/symbols/process/status.ts'

/** Above the greatest id that Linux gives to a process. */
const NO_PID = 2 ** 22 + 1

test('a process is known by its id in its own namespace, its user and its start', t => {
  const identity = readIdentity(process.pid)
  t.is(identity?.ownPid, process.pid)
  t.is(identity?.uid, process.geteuid?.())
  t.regex(identity?.startTime ?? '', /^\d+$/)
  t.is(readStartTime(process.pid), identity?.startTime)
})

test('a process that does not exist is distinguished from one that procfs hides', t => {
  t.is(readIdentity(NO_PID), undefined)
  t.is(readStartTime(NO_PID), undefined)
  t.false(processExists(NO_PID))
  // Of another user, unless this is root.
  t.true(processExists(1))
})
