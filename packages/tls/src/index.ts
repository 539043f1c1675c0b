export * from "./certificate-watch.ts";
export * from "./certified-agent.ts";
export * from "./fetch-under.ts";
export * from "./tls-material.ts";
export * from "./tls-refusal.ts";
export * from "./watch-authority.ts";
