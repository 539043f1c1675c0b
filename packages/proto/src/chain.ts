export * from "./gen/cos/chain/v1/chain_events.ts";
