/** A part that this machine cannot have; the message says how a person can get it. */
export class PartUnavailable extends Error {
  readonly code = "PART_UNAVAILABLE";
}
