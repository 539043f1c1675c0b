/** A development chain as a process of its own, that ends on SIGTERM with its state written. */
import { startAnvil } from "@cos/chain";
import { readConfig, runService } from "@cos/service-host";
import { z } from "zod";

const chainSettings = {
  folder: { schema: z.string().min(1), meaning: "folder of the chain's state and log" },
  host: { schema: z.string().min(1).default("127.0.0.1"), meaning: "address to listen on" },
  port: { schema: z.coerce.number().int().min(1).max(65_535).default(8545), meaning: "port of JSON-RPC" },
  id: { schema: z.coerce.number().int().min(1).default(31_337), meaning: "EIP-155 chain id" },
} as const;

await runService(async () => {
  const read = readConfig(chainSettings, "COS_CHAIN_", process.env);
  if (!read.ok) throw new Error(`bad settings: ${read.error.faults.map(({ key }) => key).join(", ")}`);
  const { folder, id: chainId, ...listen } = read.value;
  return startAnvil({ dataDir: folder, chainId, ...listen });
});
