/** A tool that this machine cannot have; the message says which, and how a person can get it. */
export class ToolMissing extends Error {
  readonly code = "TOOL_MISSING";
}
