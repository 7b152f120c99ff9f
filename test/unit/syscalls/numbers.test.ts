import test from 'ava'
import { nr, syscallTables } from '../../../src/syscalls/numbers.ts'

test('both tables have the same names, and no number twice', t => {
  const { x64, arm64 } = syscallTables
  t.deepEqual(Object.keys(arm64!).sort(), Object.keys(x64!).sort())
  for (const table of [x64!, arm64!]) t.is(new Set(Object.values(table)).size, Object.keys(table).length)
})

test('the numbers of this CPU are in use', t => {
  t.is(nr, syscallTables[process.arch] ?? syscallTables.x64!)
})
