import { createHash } from "node:crypto";
import { asAddress } from "@cos/protocol";
import type { OidcAccount, OidcBindings } from "../../app/repositories.ts";

type Row = { address: string };

export const sqlOidcBindings: OidcBindings = {
  bind: async (db, account, address, now) => {
    const { rows } = await db.query<Row>(
      `INSERT INTO oidc_bindings (account, address, bound_at) VALUES ($1, $2, $3)
       ON CONFLICT (account) DO UPDATE SET address = oidc_bindings.address RETURNING address`,
      [digestOf(account), address, now],
    );
    return asAddress(rows[0]?.address ?? address);
  },
  find: async (db, account) => {
    const { rows } = await db.query<Row>("SELECT address FROM oidc_bindings WHERE account = $1", [
      digestOf(account),
    ]);
    return rows[0] && asAddress(rows[0].address);
  },
  unbind: async (db, account, address) => {
    const { rowCount } = await db.query("DELETE FROM oidc_bindings WHERE account = $1 AND address = $2", [
      digestOf(account),
      address,
    ]);
    return rowCount === 1;
  },
};

const digestOf = ({ issuer, subject }: OidcAccount): string =>
  createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("hex");
