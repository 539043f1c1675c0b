import { transferOf, transfersAlone } from "./object-server.ts";

/** `node download-until-killed.ts PORT DIGEST SIZE FILE`: prints how many bytes it has; its server never ends. */
const [port, digest, sizeBytes, file] = process.argv.slice(2) as [string, `0x${string}`, string, string];
const ref = { digest: digest as never, sizeBytes: Number(sizeBytes) };
await transfersAlone().downloadTo(transferOf(Number(port)), ref, file, (bytes) => console.log(bytes));
