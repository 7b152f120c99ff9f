import test from 'ava'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { attachTypes, helpers, linkTypes, mapTypes, programTypes } from '../../../src/abi/generated/enums.ts'
import { helperSince } from '../../../src/abi/helper-since.ts'
import {
  attachTypeSince,
  compareReleases,
  type LinuxRelease,
  linkTypeSince,
  mapTypeSince,
  programTypeSince,
} from '../../../src/abi/since.ts'

const RELEASE = /^(3\.1[89]|[4-7]\.\d{1,2})$/

/** Each enumeration with the table of its releases. */
const tables: Record<string, [numbers: Record<string, number>, since: Record<string, LinuxRelease>]> = {
  'map types': [mapTypes, mapTypeSince],
  'program types': [programTypes, programTypeSince],
  'attach types': [attachTypes, attachTypeSince],
  'link types': [linkTypes, linkTypeSince],
  helpers: [helpers, helperSince],
}

for (const [what, [numbers, since]] of Object.entries(tables)) {
  test(`all ${what} have a release`, t => {
    t.deepEqual(Object.keys(since), Object.keys(numbers))
    for (const [name, release] of Object.entries(since)) t.regex(release, RELEASE, name)
  })

  test(`the kernel appends its ${what}: a greater number is never of an older release`, t => {
    const ordered = Object.entries(numbers).sort(([, a], [, b]) => a - b)
    for (const [i, [name]] of ordered.entries()) {
      const before = ordered[i - 1]?.[0] ?? name
      t.true(compareReleases(since[before]!, since[name]!) <= 0, `${before} and ${name}`)
    }
  })
}

test('features have releases', t => {
  for (const [name, release] of Object.entries(featureSince)) t.regex(release, RELEASE, name)
})

test('well-known entries', t => {
  t.is(mapTypeSince.ringbuf, '5.8')
  t.is(programTypeSince.tracing, '5.5')
  t.is(attachTypeSince.tcx_ingress, '6.6')
  t.is(linkTypeSince.kprobe_multi, '5.18')
  t.is(helperSince.loop, '5.17')
})

test('releases are compared as numbers, not as text', t => {
  t.true(compareReleases('5.10', '5.9') > 0)
  t.true(compareReleases('4.20', '5.0') < 0)
  t.is(compareReleases('6.12', '6.12'), 0)
})
