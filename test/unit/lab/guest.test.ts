import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runtimePackages } from '../../../lab/vm/guest.ts'

test('a guest has the packages that tests import, with all that these depend on', t => {
  const packages = runtimePackages()
  for (const name of ['koffi', 'debug', 'ms', 'ava', 'fast-check', '@koromix']) {
    t.true(packages.includes(`node_modules/${name}`), name)
  }
  t.false(packages.includes('node_modules/typescript'))
  for (const directory of packages.filter(each => existsSync(join(each, 'package.json')))) {
    const { dependencies } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>
    }
    for (const name of Object.keys(dependencies ?? {})) {
      const found = packages.some(each => each.endsWith(join('node_modules', name)))
      t.true(found, `${name} of ${directory}`)
    }
  }
})
