export { RemoteSigner } from "@cos/chain";
