import { KeyOpsServiceService, type TokenKey } from "@cos/proto/ops";
import {
  type GrpcService,
  type GrpcServiceOptions,
  grpcService,
  requireServiceToken,
} from "@cos/service-host";
import type { KeyView, SigningKeys } from "../../app/signing-keys.ts";
import { orRefuse } from "./or-refuse.ts";

/** What operators may ask of the keys that sign sessions and tickets. */
export const keyOpsService = (
  keys: SigningKeys,
  { serviceToken, ...options }: GrpcServiceOptions & { readonly serviceToken: string },
): GrpcService =>
  grpcService(
    KeyOpsServiceService,
    {
      listKeys: async () => ({ keys: keys.list().map(toWire) }),
      rotateKeys: async (wish) => ({ keys: (await orRefuse(keys.rotate(wish))).map(toWire) }),
    },
    { ...options, guard: requireServiceToken(serviceToken) },
  );

const toWire = ({ kid, state, signsFrom, endsAt }: KeyView): TokenKey => ({
  kid,
  state,
  signsFrom: new Date(signsFrom * 1000),
  endsAt: endsAt === undefined ? undefined : new Date(endsAt * 1000),
});
