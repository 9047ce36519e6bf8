/** Begins every key, so that the gateway can share a Redis and an operator knows whose keys they are. */
export const KEY_PREFIX = "devmatch:gateway:";
