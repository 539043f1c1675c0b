export { cacheContract } from "./cache-contract.ts";
export {
  type FaultyRpc,
  HangUp,
  type RpcAnswer,
  type RpcCall,
  type RpcRule,
  rules,
  startFaultyRpc,
} from "./faulty-rpc.ts";
export { housekeepingContract } from "./housekeeping-contract.ts";
export { type HttpsServer, startHttpsServer } from "./https-server.ts";
export { type LogUnderTest, messageLogContract } from "./message-log-contract.ts";
export { type ObjectStoreUnderTest, objectStoreContract } from "./object-store-contract.ts";
export { realPart } from "./real-part.ts";
export { storeContract } from "./store-contract.ts";
export { type TempFolder, tempFolder } from "./temp-folder.ts";
export { createTestDatabase, type TestDatabase } from "./test-database.ts";
export { openTestStore, type TestStore } from "./test-store.ts";
