export * from "./certificate-watch.ts";
export * from "./fetch-under.ts";
export * from "./tls-material.ts";
export * from "./tls-refusal.ts";
