import { features } from '../../src/kernel/index.ts'
import { testRow } from '../support/bench-row.ts'

testRow('attach-1000', [features.kprobeMulti])
