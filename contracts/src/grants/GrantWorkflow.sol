// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {GrantBook} from "./GrantBook.sol";
import {AccessRequest, IAccessACL} from "../interfaces/IAccessACL.sol";
import {ClauseRules} from "../libraries/ClauseRules.sol";
import {Clauses, GrantState, OutputTerms, VersionPolicy} from "../types/GrantTypes.sol";

/// @title GrantWorkflow
/// @notice Requesting, granting, declining, revoking.
abstract contract GrantWorkflow is GrantBook {
    uint256 private constant MAX_ALGORITHMS = 16;
    uint256 private constant FULL_BPS = 10_000;

    uint256 private _lastId;

    /// @inheritdoc IAccessACL
    function request(uint256 datasetId, uint8 opMask, bytes32 purposeHash, bytes32 termsHash, string calldata uri)
        external
        override
        whenIssuing
        returns (uint256 grantId)
    {
        // Check
        uint256 sbtId = identity.sbtOf(msg.sender);
        if (sbtId == 0) revert AccessACL_NoIdentity(msg.sender);
        if (opMask == 0 || opMask > ClauseRules.ALL_OPS) revert AccessACL_BadOpMask(opMask, ClauseRules.ALL_OPS);
        if (purposeHash == 0 || termsHash == 0) revert AccessACL_ZeroHash();
        if (!datasets.isLive(datasetId)) revert AccessACL_DatasetUnavailable(0, datasetId);

        // Effect
        grantId = ++_lastId;
        _states[grantId] = GrantState.Requested;
        _requests[grantId] = AccessRequest({
            datasetId: datasetId,
            grantee: msg.sender,
            sbtId: sbtId,
            opMask: opMask,
            purposeHash: purposeHash,
            termsHash: termsHash
        });
        emit Requested(grantId, datasetId, msg.sender, sbtId, opMask, purposeHash, termsHash, uri);
    }

    /// @inheritdoc IAccessACL
    function decline(uint256 grantId) external override {
        // Check
        if (_states[grantId] != GrantState.Requested) revert AccessACL_WrongState(grantId, _states[grantId]);
        AccessRequest storage asked = _requests[grantId];
        if (msg.sender != asked.grantee && msg.sender != datasets.ownerOf(asked.datasetId)) {
            revert AccessACL_NotParty(grantId, msg.sender);
        }

        // Effect
        _states[grantId] = GrantState.Declined;
        emit Declined(grantId, asked.datasetId, msg.sender);
    }

    /// @inheritdoc IAccessACL
    function grant(uint256 grantId, Clauses calldata clauses, OutputTerms calldata outputTerms)
        external
        override
        whenIssuing
    {
        // Check
        if (_states[grantId] != GrantState.Requested) revert AccessACL_WrongState(grantId, _states[grantId]);
        _checkParties(grantId, clauses);
        _checkLimits(clauses);
        _checkOutput(clauses, outputTerms);

        // Effect
        uint64 epoch = _epochs[clauses.datasetId];
        _states[grantId] = GrantState.Granted;
        _grantEpochs[grantId] = epoch;
        _clauses[grantId] = clauses;
        emit Granted(grantId, clauses.datasetId, clauses.grantee, msg.sender, epoch, clauses, outputTerms);
    }

    /// @inheritdoc IAccessACL
    function revoke(uint256 grantId) external override {
        // Check: the present owner, confirmed or not: refusing is always safe.
        uint256 datasetId = _requests[grantId].datasetId;
        if (_states[grantId] != GrantState.Granted) revert AccessACL_WrongState(grantId, _states[grantId]);
        if (msg.sender != datasets.ownerOf(datasetId)) revert AccessACL_NotOwner(datasetId, msg.sender);

        // Effect
        _states[grantId] = GrantState.Revoked;
        emit Revoked(grantId, datasetId, msg.sender);
    }

    /// @inheritdoc IAccessACL
    function revokeAll(uint256 datasetId) external override returns (uint64 epoch) {
        if (msg.sender != datasets.ownerOf(datasetId)) revert AccessACL_NotOwner(datasetId, msg.sender);
        epoch = ++_epochs[datasetId];
        emit AllRevoked(datasetId, epoch, msg.sender);
    }

    function _checkParties(uint256 grantId, Clauses calldata c) private view {
        AccessRequest storage asked = _requests[grantId];
        if (msg.sender != datasets.confirmedOwnerOf(asked.datasetId)) {
            revert AccessACL_NotOwner(asked.datasetId, msg.sender);
        }
        if (!datasets.isLive(asked.datasetId)) revert AccessACL_DatasetUnavailable(grantId, asked.datasetId);
        if (
            c.datasetId != asked.datasetId || c.grantee != asked.grantee || c.sbtId != asked.sbtId
                || c.purposeHash != asked.purposeHash || c.termsHash != asked.termsHash
        ) revert AccessACL_DiffersFromRequest(grantId);
        if (identity.holderOf(c.sbtId) != c.grantee) revert AccessACL_IdentityNotLive(grantId, c.sbtId);
        if (c.opMask == 0 || (c.opMask & asked.opMask) != c.opMask) {
            revert AccessACL_BadOpMask(c.opMask, asked.opMask);
        }
    }

    function _checkLimits(Clauses calldata c) private view {
        if (c.notBefore >= c.expiry || c.expiry <= block.timestamp) {
            revert AccessACL_BadWindow(c.notBefore, c.expiry, uint64(block.timestamp));
        }
        if ((c.rateMax == 0) != (c.rateWindow == 0)) revert AccessACL_BadRate(c.rateMax, c.rateWindow);
        if (c.allowedAlgorithms.length > MAX_ALGORITHMS) {
            revert AccessACL_TooManyAlgorithms(c.allowedAlgorithms.length);
        }
        bytes32 datasetRegion = datasets.datasetOf(c.datasetId).regionCode;
        if (datasetRegion != 0 && c.regionCode != datasetRegion) {
            revert AccessACL_BadRegion(datasetRegion, c.regionCode);
        }
        uint256 bps = uint256(c.computeBps) + c.authorBps;
        if (bps > FULL_BPS || c.workFee > c.feePerUse || (c.feeToken == address(0)) != (c.feePerUse == 0)) {
            revert AccessACL_BadFee(c.feeToken, c.feePerUse, c.workFee, bps);
        }
    }

    function _checkOutput(Clauses calldata c, OutputTerms calldata outputTerms) private view {
        bytes32 supplied = ClauseRules.hashOutputTerms(outputTerms);
        if (supplied != c.termsHash) revert AccessACL_TermsMismatch(c.termsHash, supplied);
        if (!ClauseRules.allowsOutput(outputTerms, c.outputPolicy)) {
            revert AccessACL_OutputNotAllowed(c.outputPolicy);
        }
        (uint32 latest, uint32 barrier) = datasets.versionBounds(c.datasetId);
        bool follows = c.versionPolicy == VersionPolicy.Follow && c.pinnedVersion == 0;
        bool pins = c.versionPolicy == VersionPolicy.Pin && c.pinnedVersion != 0 && c.pinnedVersion <= latest
            && c.pinnedVersion >= barrier;
        if (!follows && !pins) revert AccessACL_BadVersionPolicy(c.datasetId, c.pinnedVersion);
    }
}
