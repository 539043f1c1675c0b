// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {PermitLedger} from "./PermitLedger.sol";
import {IJobPermits} from "../interfaces/IJobPermits.sol";
import {Use} from "../interfaces/IUsageLog.sol";
import {ClauseRules} from "../libraries/ClauseRules.sol";
import {Roles} from "../libraries/Roles.sol";
import {Reason} from "../types/GrantTypes.sol";
import {Permit, PermitItem, PermitState, RefundReason, ReleaseClass} from "../types/PermitTypes.sol";

/// @title PermitLife
/// @notice Every other arrow of the table, and the money that each moves.
abstract contract PermitLife is PermitLedger, ReentrancyGuardTransient {
    mapping(bytes32 permitId => mapping(address attester => bool)) private _attested;

    /// @inheritdoc IJobPermits
    function postResult(bytes32 permitId, bytes32 commitment, string calldata uri)
        external
        override
        onlyRole(Roles.SETTLER)
    {
        Permit storage permit = _permits[permitId];

        // Check: the named operator. Posting the same commitment again changes nothing, so it may safely retry.
        if (commitment == 0) revert JobPermits_ZeroCommitment(permitId);
        _checkIsOperator(permitId, permit);
        bytes32 posted = permit.resultCommitment;
        if (posted == commitment) return;
        if (posted != 0) revert JobPermits_CommitmentConflict(permitId, posted, commitment);

        // Check: only an issued permit, in time and with its grants still live, takes a result.
        _checkState(permitId, permit, PermitState.Issued);
        if (block.timestamp >= permit.expiry) {
            revert JobPermits_Expired(permitId, permit.expiry, uint64(block.timestamp));
        }
        (uint256 grantId, Reason reason) = _firstFallen(permit);
        if (reason != Reason.Allowed) revert JobPermits_GrantNotLive(permitId, grantId, reason);

        // Effect: no money moves here; accept and release do that.
        uint64 challengeEnds = uint64(block.timestamp) + permit.challengeWindow;
        permit.state = PermitState.Posted;
        permit.resultCommitment = commitment;
        permit.challengeEnds = challengeEnds;
        emit JobResult(permitId, commitment, msg.sender, challengeEnds, uri);

        // Interaction: clause 9.
        _recordUses(permitId, permit);
    }

    /// @inheritdoc IJobPermits
    function cancel(bytes32 permitId) external override {
        Permit storage permit = _permits[permitId];
        _checkState(permitId, permit, PermitState.Issued);
        if (msg.sender != permit.grantee) revert JobPermits_NotGrantee(permitId, msg.sender);
        _refund(permitId, permit, RefundReason.Cancelled, _workFeeNow(permit), 0);
    }

    /// @inheritdoc IJobPermits
    function voidRevoked(bytes32 permitId) external override {
        Permit storage permit = _permits[permitId];
        _checkState(permitId, permit, PermitState.Issued);
        (, Reason reason) = _firstFallen(permit);
        if (reason == Reason.Allowed) revert JobPermits_GrantsLive(permitId);
        _refund(permitId, permit, RefundReason.Revoked, _workFeeNow(permit), bytes32(uint256(reason)));
    }

    /// @inheritdoc IJobPermits
    function expire(bytes32 permitId) external override {
        Permit storage permit = _permits[permitId];
        _checkState(permitId, permit, PermitState.Issued);
        if (block.timestamp < permit.expiry) {
            revert JobPermits_NotExpired(permitId, permit.expiry, uint64(block.timestamp));
        }
        _refund(permitId, permit, RefundReason.Expired, 0, 0);
    }

    /// @inheritdoc IJobPermits
    function fail(bytes32 permitId, bytes32 detail) external override onlyRole(Roles.SETTLER) {
        Permit storage permit = _permits[permitId];
        _checkState(permitId, permit, PermitState.Issued);
        _checkIsOperator(permitId, permit);
        _refund(permitId, permit, RefundReason.Failed, 0, detail);
    }

    /// @inheritdoc IJobPermits
    function challenge(bytes32 permitId, bytes32 evidenceHash) external override nonReentrant {
        Permit storage permit = _permits[permitId];

        // Check
        _checkState(permitId, permit, PermitState.Posted);
        if (block.timestamp >= permit.challengeEnds) {
            revert JobPermits_ChallengeOver(permitId, permit.challengeEnds, uint64(block.timestamp));
        }
        if (_bondAmount == 0 && !_isParty(permit, msg.sender)) {
            revert JobPermits_NotChallenger(permitId, msg.sender);
        }

        // Effect
        uint64 ruleBy = uint64(block.timestamp) + rulingWindow;
        permit.state = PermitState.Challenged;
        permit.challenger = msg.sender;
        permit.ruleBy = ruleBy;
        emit JobChallenged(permitId, msg.sender, _bondAmount, evidenceHash, ruleBy);

        // Interaction
        if (_bondAmount != 0) settlement.lock(_bondKey(permitId), _bondToken, msg.sender, _bondAmount);
    }

    /// @inheritdoc IJobPermits
    function attestReplica(bytes32 permitId, bytes32 commitment) external override {
        Permit storage permit = _permits[permitId];

        // Check: someone else than the operator, whose word the result already is.
        bool attests = authority.hasRole(Roles.WORKER, msg.sender) || authority.hasRole(Roles.SETTLER, msg.sender);
        if (!attests || msg.sender == permit.operator) revert JobPermits_NotAttester(msg.sender);
        _checkState(permitId, permit, PermitState.Posted);
        if (commitment != permit.resultCommitment) {
            revert JobPermits_CommitmentConflict(permitId, permit.resultCommitment, commitment);
        }
        if (_attested[permitId][msg.sender]) revert JobPermits_AlreadyAttested(permitId, msg.sender);

        // Effect: counting stops at 255, far above what terms can ask for with sense.
        _attested[permitId][msg.sender] = true;
        if (permit.attestations < type(uint8).max) ++permit.attestations;
        emit ReplicaAttested(permitId, msg.sender, permit.attestations);
    }

    /// @inheritdoc IJobPermits
    function accept(bytes32 permitId) external override {
        Permit storage permit = _permits[permitId];
        _checkState(permitId, permit, PermitState.Posted);
        bool replicated = permit.replicas != 0 && permit.attestations >= permit.replicas;
        if (block.timestamp < permit.challengeEnds && !replicated) {
            revert JobPermits_StillChallengeable(
                permitId, permit.challengeEnds, permit.attestations, permit.replicas
            );
        }
        _accept(permitId, permit);
    }

    /// @inheritdoc IJobPermits
    function rule(bytes32 permitId, bool resultStands) external override onlyRole(Roles.ARBITER) {
        Permit storage permit = _permits[permitId];

        // Check
        _checkState(permitId, permit, PermitState.Challenged);
        if (block.timestamp >= permit.ruleBy) {
            revert JobPermits_RulingOver(permitId, permit.ruleBy, uint64(block.timestamp));
        }

        // Effect, Interaction: the bond follows the ruling.
        address bondTo = resultStands ? permit.operator : permit.challenger;
        emit JobRuled(permitId, msg.sender, resultStands, bondTo);
        if (resultStands) _accept(permitId, permit);
        else _refund(permitId, permit, RefundReason.ChallengeUpheld, 0, 0);
        _payBond(permitId, bondTo);
    }

    /// @inheritdoc IJobPermits
    function timeOutRuling(bytes32 permitId) external override {
        Permit storage permit = _permits[permitId];
        _checkState(permitId, permit, PermitState.Challenged);
        if (block.timestamp < permit.ruleBy) {
            revert JobPermits_RulingOpen(permitId, permit.ruleBy, uint64(block.timestamp));
        }
        _refund(permitId, permit, RefundReason.RulingTimedOut, 0, 0);
        _payBond(permitId, permit.challenger);
    }

    /// @inheritdoc IJobPermits
    function release(bytes32 permitId, uint256 datasetId, bytes32 releaseCommitment, ReleaseClass class)
        external
        override
    {
        Permit storage permit = _permits[permitId];

        // Check
        _checkState(permitId, permit, PermitState.Accepted);
        if (block.timestamp >= permit.releaseBy) {
            revert JobPermits_ReleaseOver(permitId, permit.releaseBy, uint64(block.timestamp));
        }
        PermitItem storage item = _itemOf(permitId, permit, datasetId);
        if (datasets.confirmedOwnerOf(datasetId) != msg.sender) revert JobPermits_NotOwner(datasetId, msg.sender);
        if (item.released) revert JobPermits_AlreadyReleased(permitId, datasetId);
        if (releaseCommitment == 0 || class == ReleaseClass.None) {
            revert JobPermits_BadRelease(permitId, class, releaseCommitment);
        }
        if (datasets.isBarred(datasetId, item.version)) {
            revert JobPermits_ReleaseBarred(permitId, datasetId, item.version);
        }

        // Effect: the last part ends the permit.
        item.released = true;
        bool complete = --permit.unreleased == 0;
        if (complete) permit.state = PermitState.Released;
        emit JobReleased(permitId, datasetId, msg.sender, releaseCommitment, class, item.dataShare, complete);

        // Interaction
        _credit(permitId, msg.sender, item.dataShare);
    }

    /// @inheritdoc IJobPermits
    function lapse(bytes32 permitId) external override {
        Permit storage permit = _permits[permitId];

        // Check
        _checkState(permitId, permit, PermitState.Accepted);
        if (block.timestamp < permit.releaseBy) {
            revert JobPermits_ReleaseOpen(permitId, permit.releaseBy, uint64(block.timestamp));
        }

        // Effect
        permit.state = PermitState.Lapsed;
        uint256 toGrantee = 0;
        for (uint256 i = 0; i < permit.items.length; ++i) {
            if (!permit.items[i].released) toGrantee += permit.items[i].dataShare;
        }
        emit JobLapsed(permitId, toGrantee);

        // Interaction
        _credit(permitId, permit.grantee, toGrantee);
    }

    function _checkIsOperator(bytes32 permitId, Permit storage permit) private view {
        if (permit.state != PermitState.None && permit.operator != msg.sender) {
            revert JobPermits_NotOperator(permitId, msg.sender);
        }
    }

    /// @dev The first grant that no longer stands, and why; `Allowed` if all do.
    function _firstFallen(Permit storage permit) private view returns (uint256 grantId, Reason reason) {
        for (uint256 i = 0; i < permit.items.length; ++i) {
            grantId = permit.items[i].grantId;
            reason = acl.standingOf(grantId, permit.items[i].version);
            if (reason != Reason.Allowed) return (grantId, reason);
        }
        return (0, Reason.Allowed);
    }

    /// @dev Due from the end of the grace period until the permit expires.
    function _workFeeNow(Permit storage permit) private view returns (uint256) {
        bool due = block.timestamp >= permit.graceEnds && block.timestamp < permit.expiry;
        return due ? permit.work : 0;
    }

    function _accept(bytes32 permitId, Permit storage permit) private {
        // Effect
        uint64 releaseBy = uint64(block.timestamp) + permit.releaseWindow;
        permit.state = PermitState.Accepted;
        permit.releaseBy = releaseBy;
        emit JobAccepted(permitId, permit.compute, permit.authorShare, releaseBy);

        // Interaction: with contracts of this deployment only.
        for (uint256 i = 0; i < permit.items.length; ++i) {
            acl.commit(permitId, permit.items[i].grantId);
        }
        _credit(permitId, permit.operator, permit.compute);
        _credit(permitId, permit.author, permit.authorShare);
    }

    function _refund(bytes32 permitId, Permit storage permit, RefundReason reason, uint256 workFee, bytes32 detail)
        private
    {
        // Effect
        permit.state = PermitState.Refunded;
        uint256 total = permit.compute + permit.authorShare;
        for (uint256 i = 0; i < permit.items.length; ++i) {
            total += permit.items[i].dataShare;
        }
        uint256 toGrantee = total - workFee; // each grant's work fee is at most its fee
        emit JobRefunded(permitId, permit.grantee, reason, toGrantee, workFee, detail);

        // Interaction: with contracts of this deployment only.
        for (uint256 i = 0; i < permit.items.length; ++i) {
            acl.giveBack(permitId, permit.items[i].grantId);
        }
        _credit(permitId, permit.operator, workFee);
        _credit(permitId, permit.grantee, toGrantee);
    }

    function _recordUses(bytes32 permitId, Permit storage permit) private {
        for (uint256 i = 0; i < permit.items.length; ++i) {
            usageLog.record(
                Use({
                    useId: permitId,
                    grantId: permit.items[i].grantId,
                    datasetId: permit.items[i].datasetId,
                    grantee: permit.grantee,
                    op: ClauseRules.COMPUTE,
                    purposeHash: permit.purposeHash,
                    usedAt: uint64(block.timestamp)
                })
            );
        }
    }

    function _isParty(Permit storage permit, address account) private view returns (bool) {
        if (account == permit.grantee) return true;
        for (uint256 i = 0; i < permit.items.length; ++i) {
            if (datasets.confirmedOwnerOf(permit.items[i].datasetId) == account) return true;
        }
        return false;
    }

    function _itemOf(bytes32 permitId, Permit storage permit, uint256 datasetId)
        private
        view
        returns (PermitItem storage)
    {
        for (uint256 i = 0; i < permit.items.length; ++i) {
            if (permit.items[i].datasetId == datasetId) return permit.items[i];
        }
        revert JobPermits_NoSuchDataset(permitId, datasetId);
    }

    function _payBond(bytes32 permitId, address to) private {
        if (_bondAmount != 0) settlement.credit(_bondKey(permitId), to, _bondAmount);
    }

    function _bondKey(bytes32 permitId) private pure returns (bytes32) {
        return keccak256(abi.encode("bond", permitId));
    }
}
