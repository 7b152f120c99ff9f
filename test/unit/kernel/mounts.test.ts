import test from 'ava'
import { parseMounts } from '../../../src/kernel/mounts.ts'

const text = `22 27 0:21 / /proc rw,nosuid shared:13 - proc proc rw
36 24 0:12 / /srv/my\\040traces rw,relatime shared:15 - tracefs tracefs rw
37 24 0:7 / /debug rw - debugfs none rw
38 24 0:12 / /other rw shared:1 master:2 - tracefs x rw
`

test('mounts of a type, wherever they are', t => {
  t.deepEqual(parseMounts(text, 'tracefs'), ['/srv/my traces', '/other'])
  t.deepEqual(parseMounts(text, 'debugfs'), ['/debug'])
  t.deepEqual(parseMounts('', 'tracefs'), [])
})
