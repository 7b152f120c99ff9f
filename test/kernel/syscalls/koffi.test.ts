import test from 'ava'
import { conformance } from '../../support/syscalls/conformance.ts'

conformance(test, 'koffi')
