/**
 * Gets the kernels of the matrix ready, and gives a shell in one.
 *
 *     npm run vm list
 *     npm run vm prepare [KERNEL...]
 *     npm run vm shell KERNEL
 *
 * @module
 */

import { shellInGuest } from './boot.ts'
import { prepareRoot } from './guest.ts'
import { kernels, prepareKernel } from './kernels.ts'

const usage = 'Usage: npm run vm list | prepare [KERNEL...] | shell KERNEL'

async function main([command, ...names]: readonly string[]): Promise<number> {
  const unknown = names.find(name => !kernels.some(each => each.name === name))
  if (unknown !== undefined) {
    console.error(`Unknown kernel ${unknown}: expected one of ${kernels.map(each => each.name).join(', ')}`)
    return 2
  }
  const chosen = kernels.filter(each => names.length === 0 || names.includes(each.name))
  switch (command) {
    case 'list':
      for (const { name, arch, suites } of kernels)
        console.log(`${name}  ${arch}  Debian ${suites.join(', ')}`)
      return 0
    case 'prepare':
      for (const choice of chosen) {
        prepareRoot(choice.arch)
        const { name, release } = prepareKernel(choice)
        console.log(`${name}: ${release}`)
      }
      return 0
    case 'shell': {
      const [choice, ...others] = chosen
      if (names.length !== 1 || choice === undefined || others.length > 0) break
      await shellInGuest(prepareKernel(choice))
      return 0
    }
  }
  console.error(usage)
  return 2
}

process.exitCode = await main(process.argv.slice(2))
