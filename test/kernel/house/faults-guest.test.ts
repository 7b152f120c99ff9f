/** As `faults.test.ts`, with what the host may lack: probes of functions of the kernel, tables of jumps. */

// First: it wraps what others make calls with.
import '../../../lab/faults/inject.ts'

import { scenarios } from '../../../lab/faults/scenarios.ts'
import { testFaults } from '../../support/house/faults.ts'

testFaults(scenarios.filter(({ guest }) => guest === true))
