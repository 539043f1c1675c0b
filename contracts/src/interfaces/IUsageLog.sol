// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice One use of a grant. `useId` is a permit's or a ticket's identifier.
struct Use {
    bytes32 useId;
    uint256 grantId;
    uint256 datasetId;
    address grantee;
    uint8 op;
    bytes32 purposeHash;
    uint64 usedAt;
}

/// @title IUsageLog
/// @notice Append-only record of uses (clause 9). Audit, never a limit: limits are `AccessACL`'s.
interface IUsageLog {
    /// @notice A batch names a root, at least one use, and a span of time that does not end before it begins.
    error UsageLog_BadBatch(bytes32 root, uint32 count, uint64 from, uint64 to);

    /// @notice A permit or a ticket was used.
    event Used(
        uint256 indexed grantId,
        bytes32 indexed useId,
        address indexed grantee,
        uint256 datasetId,
        uint8 op,
        bytes32 purposeHash,
        uint64 usedAt
    );
    /// @notice `count` uses in [from, to) were recorded as a Merkle root; the leaves are at `uri`.
    event UsesBatched(
        uint256 indexed batchId,
        bytes32 indexed root,
        address indexed recorder,
        uint32 count,
        uint64 from,
        uint64 to,
        string uri
    );

    /// @notice Records one use. Requires the USAGE role. The same use twice (grant and useId) is a no-op.
    /// @return recorded Whether this call recorded it.
    function record(Use calldata use) external returns (bool recorded);

    /// @notice Records many uses. Requires the USAGE role. The same root twice by one recorder is a no-op.
    /// @return batchId Number of the batch, from 1; that of the first recording for a repeat.
    function recordBatch(bytes32 root, uint32 count, uint64 from, uint64 to, string calldata uri)
        external
        returns (uint256 batchId);

    /// @notice Whether a use was recorded singly.
    function isRecorded(uint256 grantId, bytes32 useId) external view returns (bool);

    /// @notice Whether `leaf` belongs to a batch, by OpenZeppelin's sorted-pair Merkle proof.
    function isInBatch(uint256 batchId, bytes32 leaf, bytes32[] calldata proof) external view returns (bool);

    /// @notice Leaf of a use in a batch: double keccak256 of its ABI encoding.
    function leafOf(Use calldata use) external pure returns (bytes32);
}
