import { features } from '../../../src/kernel/probes/features.ts'
import { testRow } from '../../support/bench-peers/row.ts'

testRow('attach-1000', [features.kprobeMulti])
