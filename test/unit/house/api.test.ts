import test from 'ava'
// The declarations in `dist` are bundled from those that this reads.
import { type Api, readApi, staleReports } from '../../../lab/package/api.ts'

let api: Api

test.before(() => {
  api = readApi()
})

test('the reports in api/ say what the doors export', t => {
  t.deepEqual(staleReports(api), [], 'run npm run api, and look at the difference')
  t.true(api.reports.size > 10)
})

test('no two doors export different things under one name', t => {
  t.deepEqual(api.clashes, [])
})

test('what a signature names, some door exports', t => {
  t.deepEqual(api.forgotten, [])
})

test('reports have signatures with the first sentence of their comments, and no internals', t => {
  const programs = api.reports.get('programs.md')!
  t.regex(
    programs,
    /\n\/\*\* How to load a program\. \*\/\nexport interface LoadOptions .*\{\n {2}logLevel\?: number\n/,
  )
  t.notRegex(programs, /@internal|#private|loadPrepared/)
  t.true(api.reports.get('ebpf-ts.md')!.includes("} from 'ebpf-ts/base'"))
  // Types that are made of constants are written out.
  t.regex(api.reports.get('base.md')!, /export type ErrnoName =\n {2}\| 'EPERM'\n {2}\| 'ENOENT'/)
})
