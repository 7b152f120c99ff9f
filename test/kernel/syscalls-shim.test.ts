import { existsSync } from 'node:fs'
import test from 'ava'
import { conformance } from '../support/syscalls-conformance.ts'

const file = new URL(`../../../native/shim.linux-${process.arch}-gnu.node`, import.meta.url)

if (existsSync(file)) conformance(test, 'shim')
else test.skip('the shim is not built (npm run build:native): only koffi is tested', () => {})
