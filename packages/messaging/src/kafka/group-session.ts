import type { ReceivedMessage } from "../message-log.ts";
import type { MemberClaim } from "./assign-partitions.ts";

/** One membership of a consumer group, as a client library gives it. */
export interface GroupSession {
  /** Joins. Rejects when it cannot; later failures go to `failed`. */
  start(): Promise<void>;
  /** Stops fetching these partitions until `resume`. */
  pause(partition: number): void;
  resume(partition: number): void;
  /** @throws when the group did not take the offsets */
  commit(positions: readonly { readonly partition: number; readonly offset: bigint }[]): Promise<void>;
  /** Leaves the group and closes connections. */
  stop(): Promise<void>;
}

/** What a session tells its member. */
export type SessionEvents = {
  /**
   * The member is about to say what it has: from now on it starts nothing that it did not name, until `assigned`. It
   * has committed what it finished, as far as that is possible, so that the next owner does not do it again.
   */
  claim(): Promise<Omit<MemberClaim, "id">>;
  /** The partitions that the member now has. A new one is read from its committed offset on. */
  assigned(partitions: readonly number[], generation: number): void;
  messages(partition: number, messages: readonly ReceivedMessage[]): void;
  /** The group's coordinator has heard of the member. */
  heartbeat(): void;
  failed(reason: string): void;
};

export type OpenSession = (
  subscription: { group: string; topic: string },
  events: SessionEvents,
) => GroupSession;
