import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8 from compiling anew, after a thousand calls, the code through which WebAssembly calls JavaScript. What it
 * replaces then is freed in a table that all threads of a process share, and V8 of Node.js 24 can end the process over it
 * (`Check failed: jit_page_->allocations_.erase(addr) == 1`, ADR 0084). Holds for the whole process, from here on.
 */
export function keepWasmWrappers(): void {
  setFlagsFromString("--wasm-wrapper-tiering-budget=2147483647");
}
