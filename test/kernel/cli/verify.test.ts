import { executeHere } from '../../support/cli/fake-terminal.ts'
import { hostileObject, obeyed } from '../../support/cli/hostile.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectPath } from '../../support/objects.ts'

for (const options of [[], ['--csv'], ['--json']]) {
  kernelTest(
    `verify: names, source lines and the verifier's words reach the terminal escaped: ${options.join(' ') || 'text'}`,
    [],
    async t => {
      const names = ['unchecked_lookup', 'uninitialised_register', 'bpf_map_lookup_elem']
      const object = hostileObject(t, objectPath('broken'), ...names)
      const { code, stdout, stderr } = await executeHere(['verify', object, ...options])
      t.deepEqual([code, stderr], [1, ''])
      t.deepEqual(obeyed(stdout), [])
      t.regex(stdout, /\\x1b|\\u001b/)
    },
  )
}

for (const columns of [20, 75, 200]) {
  kernelTest(`verify: the table fits a terminal of ${columns} columns`, [], async t => {
    const { code, stdout } = await executeHere(['verify', objectPath('functions')], {
      columns,
      styles: false,
    })
    t.is(code, 0)
    for (const line of stdout.split('\n')) t.true(line.length <= columns || columns === 20, line)
    t.is(/^OBJECT +PROGRAM /.test(stdout), columns !== 20)
    t.regex(stdout, columns === 20 ? /^PROGRAM +second$/m : /second +success +\d+/)
  })
}
