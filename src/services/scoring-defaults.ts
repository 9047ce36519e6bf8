/** How many developers a task is offered to, unless told. */
export const DEFAULT_CANDIDATES = 10;
export const DEFAULT_STRATEGY = "balanced";
