// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guarded} from "../Guarded.sol";
import {AccessRequest, IAccessACL} from "../interfaces/IAccessACL.sol";
import {IAuthority} from "../interfaces/IAuthority.sol";
import {IDatasetRegistry} from "../interfaces/IDatasetRegistry.sol";
import {IIdentitySBT} from "../interfaces/IIdentitySBT.sol";
import {IRegionOracle} from "../interfaces/IRegionOracle.sol";
import {ClauseRules} from "../libraries/ClauseRules.sol";
import {
    Clauses,
    Counters,
    Facts,
    GrantState,
    GrantTerms,
    OutputTerms,
    Query,
    Reason
} from "../types/GrantTypes.sol";

/// @title GrantBook
/// @notice The grants themselves, and every question about them. First part of {IAccessACL}.
abstract contract GrantBook is IAccessACL, Guarded {
    /// @notice Identities of grantees.
    IIdentitySBT public immutable identity;
    /// @notice Datasets and their owners.
    IDatasetRegistry public immutable datasets;
    /// @notice Attested regions of gateways.
    IRegionOracle public immutable regions;

    mapping(uint256 grantId => GrantState) internal _states;
    mapping(uint256 grantId => uint64) internal _grantEpochs;
    mapping(uint256 grantId => AccessRequest) internal _requests;
    mapping(uint256 grantId => Clauses) internal _clauses;
    mapping(uint256 grantId => Counters) internal _counters;
    mapping(uint256 datasetId => uint64) internal _epochs;

    constructor(IAuthority authority_, IIdentitySBT identity_, IDatasetRegistry datasets_, IRegionOracle regions_)
        Guarded(authority_)
    {
        identity = identity_;
        datasets = datasets_;
        regions = regions_;
    }

    /// @inheritdoc IAccessACL
    function canAccess(
        uint256 grantId,
        address grantee,
        uint8 op,
        bytes32 purposeHash,
        bytes32 regionCode,
        uint64 time
    ) external view override returns (Reason) {
        Clauses memory c = _clauses[grantId];
        return ClauseRules.decide(
            c, _counters[grantId], _factsOf(grantId), _query(grantee, op, purposeHash, regionCode, time)
        );
    }

    /// @inheritdoc IAccessACL
    function decide(uint256 grantId, Query calldata query) external view override returns (Reason) {
        return ClauseRules.decide(_clauses[grantId], _counters[grantId], _factsOf(grantId), query);
    }

    /// @inheritdoc IAccessACL
    function requireAccess(uint256 grantId, address grantee, uint8 op, bytes32 purposeHash, bytes32 regionCode)
        external
        view
        override
    {
        _requireAllowed(
            grantId, _clauses[grantId], _query(grantee, op, purposeHash, regionCode, uint64(block.timestamp))
        );
    }

    /// @inheritdoc IAccessACL
    function standingOf(uint256 grantId, uint32 version) external view override returns (Reason) {
        return ClauseRules.decideStanding(_factsOf(grantId), version);
    }

    /// @inheritdoc IAccessACL
    function admissibleVersionOf(uint256 grantId) external view override returns (uint32) {
        return ClauseRules.admissibleVersion(_clauses[grantId], _factsOf(grantId));
    }

    /// @inheritdoc IAccessACL
    function stateOf(uint256 grantId) public view override returns (GrantState) {
        GrantState state = _states[grantId];
        if (state == GrantState.Granted && _grantEpochs[grantId] < _epochs[_requests[grantId].datasetId]) {
            return GrantState.Revoked;
        }
        return state;
    }

    /// @inheritdoc IAccessACL
    function requestOf(uint256 grantId) external view override returns (AccessRequest memory) {
        return _requests[grantId];
    }

    /// @inheritdoc IAccessACL
    function clausesOf(uint256 grantId) external view override returns (Clauses memory) {
        return _clauses[grantId];
    }

    /// @inheritdoc IAccessACL
    function grantTermsOf(uint256 grantId) external view override returns (GrantTerms memory) {
        Clauses storage c = _clauses[grantId];
        return GrantTerms({
            datasetId: c.datasetId,
            expiry: c.expiry,
            graceSeconds: c.graceSeconds,
            autoAuthorise: c.autoAuthorise,
            feeToken: c.feeToken,
            feePerUse: c.feePerUse,
            workFee: c.workFee,
            computeBps: c.computeBps,
            authorBps: c.authorBps
        });
    }

    /// @inheritdoc IAccessACL
    function countersOf(uint256 grantId) external view override returns (Counters memory) {
        return _counters[grantId];
    }

    /// @inheritdoc IAccessACL
    function epochOf(uint256 datasetId) external view override returns (uint64) {
        return _epochs[datasetId];
    }

    /// @inheritdoc IAccessACL
    function hashOutputTerms(OutputTerms calldata outputTerms) external pure override returns (bytes32) {
        return ClauseRules.hashOutputTerms(outputTerms);
    }

    /// @inheritdoc IAccessACL
    function clauseOf(Reason reason) external pure override returns (uint8) {
        return ClauseRules.clauseOf(reason);
    }

    function _query(address grantee, uint8 op, bytes32 purposeHash, bytes32 regionCode, uint64 time)
        internal
        pure
        returns (Query memory q)
    {
        q.grantee = grantee;
        q.op = op;
        q.purposeHash = purposeHash;
        q.regionCode = regionCode;
        q.time = time;
        q.tickets = 1;
    }

    function _factsOf(uint256 grantId) private view returns (Facts memory f) {
        f.state = stateOf(grantId);
        if (f.state != GrantState.Granted) return f;
        Clauses storage c = _clauses[grantId];
        f.identityLive = identity.holderOf(c.sbtId) == c.grantee;
        f.datasetLive = datasets.isLive(c.datasetId);
        (f.latestVersion, f.barrierVersion) = datasets.versionBounds(c.datasetId);
    }

    /// @dev Reverts with the error of the clause that refuses.
    function _requireAllowed(uint256 grantId, Clauses memory c, Query memory q) internal view {
        Counters memory n = _counters[grantId];
        Reason r = ClauseRules.decide(c, n, _factsOf(grantId), q);
        if (r == Reason.Allowed) return;
        if (r == Reason.UnknownGrant) revert AccessACL_UnknownGrant(grantId);
        if (r == Reason.NotGranted) revert AccessACL_NotGranted(grantId, _states[grantId]);
        if (r == Reason.Revoked) revert AccessACL_Revoked(grantId);
        if (r == Reason.WrongGrantee) revert AccessACL_WrongGrantee(grantId, c.grantee, q.grantee);
        if (r == Reason.IdentityNotLive) revert AccessACL_IdentityNotLive(grantId, c.sbtId);
        if (r == Reason.DatasetUnavailable) revert AccessACL_DatasetUnavailable(grantId, c.datasetId);
        if (r == Reason.WrongOperation) revert AccessACL_WrongOperation(grantId, c.opMask, q.op);
        if (r == Reason.WrongPurpose) revert AccessACL_WrongPurpose(grantId, c.purposeHash, q.purposeHash);
        if (r == Reason.NotYetValid) revert AccessACL_NotYetValid(grantId, c.notBefore, q.time);
        if (r == Reason.Expired) revert AccessACL_Expired(grantId, c.expiry, q.time);
        if (r == Reason.WrongRegion) revert AccessACL_WrongRegion(grantId, c.regionCode, q.regionCode);
        if (r == Reason.RunsExhausted) {
            revert AccessACL_RunsExhausted(grantId, c.maxRuns, n.runsReserved, n.runsUsed);
        }
        if (r == Reason.TicketsExhausted) {
            revert AccessACL_TicketsExhausted(grantId, c.maxTickets, n.ticketsReserved, q.tickets);
        }
        if (r == Reason.RateExceeded) revert AccessACL_RateExceeded(grantId, c.rateMax, c.rateWindow, q.time);
        if (r == Reason.BudgetExhausted) {
            revert AccessACL_BudgetExhausted(
                grantId,
                c.epsilonMicro,
                uint256(n.epsilonReserved) + n.epsilonUsed + q.epsilonMicro,
                c.deltaNano,
                uint256(n.deltaReserved) + n.deltaUsed + q.deltaNano
            );
        }
        if (r == Reason.ReleasesExhausted) {
            revert AccessACL_ReleasesExhausted(
                grantId, c.exactReleases, uint256(n.releasesReserved) + n.releasesUsed + q.exactReleases
            );
        }
        if (r == Reason.VersionBarred) revert AccessACL_VersionBarred(grantId, q.version);
        if (r == Reason.VersionMismatch) revert AccessACL_VersionMismatch(grantId, q.version);
        revert AccessACL_AlgorithmNotAllowed(grantId, q.algorithmId);
    }
}
