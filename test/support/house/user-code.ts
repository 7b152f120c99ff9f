/**
 * Code of the caller that runs inside the library, as docs/user-code.md lists it.
 *
 * @module
 */

/** Runs the code of the caller that is on trial, once. */
export type Hook = () => void

/** A way to call the library, whose object code of the caller uses or closes. */
export interface Place {
  /** Calls the library, which calls the hook. */
  run(hook: Hook): unknown
  /** Uses the object at work. */
  use(): unknown
  /** Closes it; absent where there is no object yet. */
  close?(): unknown
  /** Looks whether it can still be used after an error of the hook. */
  after?(): unknown
  /** Disposes of everything. */
  end?(): void
}

export const nothing: Hook = () => {}

/** An object with a getter that runs the hook. */
export function withGetter<T extends object>(object: T, name: keyof T, hook: Hook): T {
  const value = object[name]
  return Object.defineProperty({ ...object }, name, {
    enumerable: true,
    get: () => {
      hook()
      return value
    },
  })
}
