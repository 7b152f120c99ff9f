/**
 * Things by name.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'

/** A `Map` by name whose `get` throws for a name that is not there, and says which are. */
export class Named<T> extends Map<string, T> {
  readonly #what: string

  /** @param what one of the things, in words: `'map'` */
  constructor(what: string, entries?: Iterable<readonly [string, T]>) {
    super()
    this.#what = what
    for (const [name, value] of entries ?? []) this.set(name, value)
  }

  /**
   * The thing with a name.
   *
   * @throws BpfError with code `ERR_NO_SUCH_NAME` when there is none; `has` tells without throwing
   */
  override get(name: string): T {
    const value = super.get(name)
    if (value !== undefined) return value
    const names = [...this.keys()]
    const known = names.length === 0 ? 'there are none' : `there are ${names.slice(0, SHOWN).join(', ')}`
    const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
    throw new BpfError(`There is no ${this.#what} ${JSON.stringify(name)}; ${known}${more}`, {
      code: 'ERR_NO_SUCH_NAME',
    })
  }
}

const SHOWN = 20
