declare module "kafkajs/src/network/requestQueue/index.js" {
  /** One connection's requests. */
  export default class RequestQueue {
    scheduleCheckPendingRequests(): void;
  }
}
