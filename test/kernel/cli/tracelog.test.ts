import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { tracefsPath } from '../../../src/kernel/tracefs.ts'
import { runCli, startCli } from '../../support/cli/process.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { printProgram } from '../../support/readers/print-program.ts'
import { run } from '../../support/readers/ring-programs.ts'

const name = `ebpf-ts-cli-${process.pid}`

kernelTest('tracelog prints lines, through an instance that it removes', ['tracefs'], async t => {
  using print = printProgram(`cli ${process.pid}`)
  const printing = setInterval(() => run(print), 10)
  const command = await startCli(['tracelog', '--instance', name, '--json'])
  clearInterval(printing)
  const { line, message, ...rest } = JSON.parse(command.firstLine)
  t.is(message, `cli ${process.pid}`)
  t.true(line.endsWith(message))
  t.is(rest.pid, process.pid)
  t.deepEqual(Object.keys(rest), ['task', 'pid', 'cpu', 'flags', 'timestamp', 'event'])
  t.is((await command.stop('SIGINT')).code, 0)
  t.false(readdirSync(join(tracefsPath(), 'instances')).includes(name))
})

kernelTest('tracelog: an instance that cannot be is wrong use', ['tracefs'], t => {
  const { code, stderr } = runCli(['tracelog', '--instance', 'a/b'])
  t.is(code, 2)
  t.regex(stderr, /"a\/b" is not a name of one/)
})
