import { readdirSync } from 'node:fs'
import test from 'ava'

/** Folders of tests that are of no room: the benchmark beside its peers, the package as a whole, the workshop, old findings. */
const OTHERS = ['bench-peers', 'house', 'lab', 'fuzz-findings']

const directories = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true })
    .filter(each => each.isDirectory())
    .map(({ name }) => name)

const rooms = directories('src')

for (const path of ['test/unit', 'test/kernel', 'test/support']) {
  test(`the folders of ${path} are rooms`, t => {
    for (const name of directories(path)) t.true(rooms.includes(name) || OTHERS.includes(name), name)
  })
}

for (const path of ['test/unit', 'test/kernel']) {
  test(`every test of ${path} is in a folder`, t => {
    t.deepEqual(
      readdirSync(path).filter(name => name.endsWith('.ts')),
      [],
    )
  })

  test(`tests of ${path} do not repeat the name of their room`, t => {
    for (const room of directories(path)) {
      for (const name of readdirSync(`${path}/${room}`))
        t.false(name.startsWith(`${room}-`), `${room}/${name}`)
    }
  })
}
