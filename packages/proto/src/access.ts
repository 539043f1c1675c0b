export * from "./gen/cos/access/v1/access_service.ts";
