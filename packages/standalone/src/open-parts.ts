import { join } from "node:path";
import { startAnvil } from "@cos/chain";
import { type MessageLog, openEmbeddedLog } from "@cos/messaging";
import { type ObjectStore, openEmbeddedObjects } from "@cos/objects";
import type { Unwinder } from "@cos/parts";
import { type LogSink, openLogSink } from "@cos/service-host";
import { lockFolder, openEmbeddedStore, type Store } from "@cos/store";
import { JsonRpcProvider } from "ethers";
import { type OperatorKeys, operatorKeys } from "./operator-keys.ts";
import { type PreparedChain, prepareChain } from "./prepare-chain.ts";
import { type Ports, stickyPorts } from "./sticky-ports.ts";

/** The embedded parts that services are hosted on. */
export type Parts = {
  readonly keys: OperatorKeys;
  readonly ports: Ports;
  readonly store: Store;
  readonly chain: { readonly rpcUrl: string; readonly chainId: number };
  readonly provider: JsonRpcProvider;
  readonly objects: ObjectStore;
  readonly log: MessageLog;
  readonly prepared: PreparedChain;
  readonly sink: LogSink;
  readonly logFile: string;
};

export type PartsOptions = {
  readonly dataDir: string;
  readonly host: string;
  readonly region: string;
  readonly workers: number;
  readonly ports: Partial<Ports>;
  readonly chainId: number | undefined;
  readonly now: () => number;
  readonly duplicateDeliveries: boolean;
  /** Whether the chain's process goes on when the platform ends; asked at the end. */
  readonly keepChain: () => boolean;
};

/** Opens everything below the services. Each part tells the unwinder how to end it as soon as it stands. */
export async function openParts(options: PartsOptions, ends: Unwinder): Promise<Parts> {
  const { dataDir, host, region, now } = options;
  const folderLock = lockFolder(dataDir);
  ends.add(() => folderLock.release());
  const logFile = join(dataDir, "logs", "platform.log");
  const sink = openLogSink(logFile);
  ends.add(() => sink.flush());
  const keys = await operatorKeys(dataDir, options.workers);

  // The database makes its first cluster in a thread of its own while the contracts are deployed.
  const opening = openEmbeddedStore({ dataDir: join(dataDir, "store") });
  ends.add(() =>
    opening.then(
      (store) => store.close(),
      () => {},
    ),
  );
  const ports = await stickyPorts(dataDir, options.ports);
  const chain = await startAnvil({
    dataDir: join(dataDir, "chain"),
    port: ports.chain,
    ...(options.chainId === undefined ? {} : { chainId: options.chainId }),
  });
  ends.add(() => (options.keepChain() ? chain.release() : chain.stop()));
  const provider = new JsonRpcProvider(chain.rpcUrl, chain.chainId, {
    staticNetwork: true,
    polling: true,
    pollingInterval: 100,
    cacheTimeout: -1,
  });
  ends.add(() => provider.destroy());
  const objects = await openEmbeddedObjects({
    dataDir: join(dataDir, "objects"),
    host,
    port: ports.objects,
    now,
  });
  ends.add(() => objects.close());
  const prepared = await prepareChain({ dataDir, provider, keys, region, objects: objects.store });
  const store = await opening;
  const log = await openEmbeddedLog({ store, duplicateDeliveries: options.duplicateDeliveries });
  ends.add(() => log.close());
  return { keys, ports, store, chain, provider, objects: objects.store, log, prepared, sink, logFile };
}
