#!/usr/bin/env node
/**
 * The command-line tool `ebpf-ts`, built on nothing but the public API.
 *
 * @module
 */

import { execute } from './form/execute.ts'
import { tool } from './tool.ts'

const { code, written } = await execute(tool, process.argv.slice(2), process)
process.exitCode = code
// Output that no reader takes would keep the process alive.
if (!written) process.exit()
