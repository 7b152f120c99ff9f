import test from 'ava'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import type { LinkInfo } from '../../../src/links/info.ts'
import { Link } from '../../../src/links/link.ts'
import { LinkGroup } from '../../../src/links/link-group.ts'

/** A link that only says when it is closed, and may fail to. */
class TestLink extends Link {
  readonly fd: number
  closed = false
  readonly #events: string[]
  readonly #fails: boolean

  constructor(fd: number, events: string[], fails = false) {
    super()
    this.fd = fd
    this.#events = events
    this.#fails = fails
  }

  info(): LinkInfo {
    return { type: 'unspec', id: this.fd, programId: 0 }
  }

  update(): void {
    this.#events.push(`update ${this.fd}`)
  }

  detach(): void {
    this.#events.push(`detach ${this.fd}`)
  }

  pin(): void {}

  close(): void {
    this.closed = true
    this.#events.push(`close ${this.fd}`)
    if (this.#fails) throw new BpfError(`Cannot close ${this.fd}`, { code: 'EIO' })
  }
}

test('a group does to each link what is done to it, and closes the latest first', t => {
  const events: string[] = []
  const group = new LinkGroup([new TestLink(3, events), new TestLink(4, events)])
  t.is(group.fd, 3)
  group.update({ fd: 9, name: 'p' })
  group.detach()
  group.close()
  t.true(group.closed)
  t.deepEqual(events, ['update 3', 'update 4', 'detach 3', 'detach 4', 'close 4', 'close 3'])
  t.throws(() => group.fd, { instanceOf: BpfError, code: 'ERR_CLOSED' })
})

test('a link that cannot be closed keeps no other one attached', t => {
  const links = [3, 4, 5].map(fd => new TestLink(fd, [], fd > 3))
  t.throws(() => new LinkGroup(links).close(), { instanceOf: BpfError, message: 'Cannot close 5' })
  t.deepEqual(
    links.map(({ closed }) => closed),
    [true, true, true],
  )
})

test('what the kernel does not know of a group is asked of its links', t => {
  const group = new LinkGroup([])
  t.throws(() => group.info(), { instanceOf: NotSupportedError, message: /; ask each of its links$/ })
  t.throws(() => group.pin(), { instanceOf: NotSupportedError, message: /; pin each of its links$/ })
})
