import { setups } from '../../../bench/ours/setups.ts'
import { testRow } from '../../support/bench-peers/row.ts'
import { ringBuffers } from '../../support/readers/ring-programs.ts'

for (const row of Object.keys(setups)) {
  if (row !== 'attach-1000') testRow(row, row.startsWith('ring-') ? [ringBuffers] : [])
}
