import { setups } from '../../../bench/ours/setups.ts'
import { testRow } from '../../support/bench-peers/row.ts'
import { ringBuffers } from '../../support/readers/ring-programs.ts'
import { userRings } from '../../support/readers/user-ring-command.ts'

const needs = new Map([
  ['ring-', ringBuffers],
  ['user-ring-', userRings],
])

for (const row of Object.keys(setups)) {
  if (row === 'attach-1000') continue
  const kind = [...needs.keys()].find(each => row.startsWith(each))
  testRow(row, kind === undefined ? [] : [needs.get(kind)!])
}
