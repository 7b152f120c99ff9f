/**
 * The process that lists tests: loads each file that it is given, with a stand-in for ava that runs nothing, and writes the
 * list to descriptor 3 as JSON.
 *
 * @module
 */

import { writeSync } from 'node:fs'
import { register } from 'node:module'
import { pathToFileURL } from 'node:url'
import { type DeclaredTest, listTests } from './declared.ts'
import { fileName } from './test-names.ts'

/** Resolves `ava` to the stand-in: a function whose properties are itself, which adds each test to the list. */
const HOOKS = `
  const source = \`
    const test = new Proxy(title => { if (typeof title === 'string') globalThis.ebpfTsListTest(title) }, { get: () => test })
    export default test\`
  export const resolve = (specifier, context, next) =>
    specifier === 'ava'
      ? { url: 'data:text/javascript,' + encodeURIComponent(source), shortCircuit: true }
      : next(specifier, context)`

const tests: DeclaredTest[] = []
let file = ''
const add = (title: string, since: string | undefined): void => void tests.push({ file, title, since })

register(`data:text/javascript,${encodeURIComponent(HOOKS)}`)
Object.assign(globalThis, { ebpfTsListTest: (title: string) => add(title, undefined) })
listTests(add)
for (const path of process.argv.slice(2)) {
  file = fileName(path)
  await import(pathToFileURL(path).href)
}
writeSync(3, JSON.stringify(tests))
// What a file has started does not keep the process.
process.exit()
