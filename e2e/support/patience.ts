/** Milliseconds that a story may take on a machine that is busy with other things. Alone it takes seconds. */
export const patience = 240_000;
