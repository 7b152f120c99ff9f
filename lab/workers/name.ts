/** Name of every map and program that the workers make: what is left of them is found by it. */
export const OBJECT_NAME = 'ended_worker'
