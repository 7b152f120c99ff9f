import { existsSync } from 'node:fs'
import test from 'ava'
import { processes } from '../../support/syscalls/processes.ts'

const file = new URL(`../../../../native/shim.linux-${process.arch}-gnu.node`, import.meta.url)

if (existsSync(file)) processes(test, 'shim')
else test.skip('the shim is not built (npm run build:native): only koffi is tested', () => {})
