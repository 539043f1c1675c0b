export { descriptorSet } from "./descriptor-set.ts";
