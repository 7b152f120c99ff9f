/** Each system call and file operation of a scenario fails in turn; `npm run faults` does more of it. */

// First: it wraps what others make calls with.
import '../../../lab/faults/inject.ts'

import { scenarios } from '../../../lab/faults/scenarios.ts'
import { testFaults } from '../../support/house/faults.ts'

testFaults(scenarios.filter(({ slow, guest }) => slow !== true && guest !== true))
