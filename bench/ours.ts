/**
 * ebpf-ts as a contestant: what a user of the public API would write.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { contestant } from './contestant.ts'
import { setups } from './ours/setups.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

await contestant(version, setups)
