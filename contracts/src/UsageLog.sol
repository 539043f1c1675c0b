// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Guarded} from "./Guarded.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {IUsageLog, Use} from "./interfaces/IUsageLog.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title UsageLog
/// @notice See {IUsageLog}.
contract UsageLog is IUsageLog, Guarded {
    uint256 private _lastBatch;
    mapping(uint256 grantId => mapping(bytes32 useId => bool)) private _recorded;
    mapping(bytes32 rootAndRecorder => uint256) private _batchOf;
    mapping(uint256 batchId => bytes32) private _rootOf;

    constructor(IAuthority authority_) Guarded(authority_) {}

    /// @inheritdoc IUsageLog
    function record(Use calldata use) external override onlyRole(Roles.USAGE) returns (bool recorded) {
        // Check: delivered twice, recorded once.
        if (_recorded[use.grantId][use.useId]) return false;

        // Effect
        _recorded[use.grantId][use.useId] = true;
        emit Used(use.grantId, use.useId, use.grantee, use.datasetId, use.op, use.purposeHash, use.usedAt);
        return true;
    }

    /// @inheritdoc IUsageLog
    function recordBatch(bytes32 root, uint32 count, uint64 from, uint64 to, string calldata uri)
        external
        override
        onlyRole(Roles.USAGE)
        returns (uint256 batchId)
    {
        // Check: a usable batch, not recorded before.
        if (root == 0 || count == 0 || to < from) revert UsageLog_BadBatch(root, count, from, to);
        bytes32 key = keccak256(abi.encode(root, msg.sender));
        batchId = _batchOf[key];
        if (batchId != 0) return batchId;

        // Effect
        batchId = ++_lastBatch;
        _batchOf[key] = batchId;
        _rootOf[batchId] = root;
        emit UsesBatched(batchId, root, msg.sender, count, from, to, uri);
    }

    /// @inheritdoc IUsageLog
    function isRecorded(uint256 grantId, bytes32 useId) external view override returns (bool) {
        return _recorded[grantId][useId];
    }

    /// @inheritdoc IUsageLog
    function isInBatch(uint256 batchId, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        override
        returns (bool)
    {
        bytes32 root = _rootOf[batchId];
        return root != 0 && MerkleProof.verifyCalldata(proof, root, leaf);
    }

    /// @inheritdoc IUsageLog
    function leafOf(Use calldata use) external pure override returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(use))));
    }
}
