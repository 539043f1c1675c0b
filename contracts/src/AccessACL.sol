// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guarded} from "./Guarded.sol";
import {AccessRequest, IAccessACL} from "./interfaces/IAccessACL.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {IDatasetRegistry} from "./interfaces/IDatasetRegistry.sol";
import {IIdentitySBT} from "./interfaces/IIdentitySBT.sol";
import {IRegionOracle} from "./interfaces/IRegionOracle.sol";
import {ClauseRules} from "./libraries/ClauseRules.sol";
import {Roles} from "./libraries/Roles.sol";
import {
    Charge,
    Clauses,
    Counters,
    Facts,
    GrantState,
    GrantTerms,
    OutputTerms,
    Query,
    Reason,
    VersionPolicy
} from "./types/GrantTypes.sol";

/// @title AccessACL
/// @notice See {IAccessACL}. The rules themselves are in {ClauseRules}.
contract AccessACL is IAccessACL, Guarded {
    uint256 private constant MAX_ALGORITHMS = 16;
    uint256 private constant FULL_BPS = 10_000;

    struct Reservation {
        uint64 epsilonMicro;
        uint64 deltaNano;
        uint32 exactReleases;
        bool held;
    }

    /// @notice Identities of grantees.
    IIdentitySBT public immutable identity;
    /// @notice Datasets and their owners.
    IDatasetRegistry public immutable datasets;
    /// @notice Attested regions of gateways.
    IRegionOracle public immutable regions;

    uint256 private _lastId;
    uint256 private _lastSession;
    mapping(uint256 grantId => GrantState) private _states;
    mapping(uint256 grantId => uint64) private _grantEpochs;
    mapping(uint256 grantId => AccessRequest) private _requests;
    mapping(uint256 grantId => Clauses) private _clauses;
    mapping(uint256 grantId => Counters) private _counters;
    mapping(uint256 datasetId => uint64) private _epochs;
    mapping(address holder => mapping(bytes32 permitId => mapping(uint256 grantId => Reservation))) private
        _reservations;

    constructor(IAuthority authority_, IIdentitySBT identity_, IDatasetRegistry datasets_, IRegionOracle regions_)
        Guarded(authority_)
    {
        identity = identity_;
        datasets = datasets_;
        regions = regions_;
    }

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

    /// @inheritdoc IAccessACL
    function reserveTickets(uint256 grantId, uint8 op, uint32 count, address gateway)
        external
        override
        whenIssuing
        returns (bytes32 sessionId)
    {
        // Check
        if (count == 0 || (op != ClauseRules.READ && op != ClauseRules.EXPORT)) {
            revert AccessACL_BadSession(op, count);
        }
        Clauses memory c = _clauses[grantId];
        Query memory q = _query(msg.sender, op, c.purposeHash, c.regionCode, uint64(block.timestamp));
        q.tickets = count;
        _requireAllowed(grantId, c, q);
        if (c.regionCode != 0 && !regions.isIn(gateway, c.regionCode, q.time)) {
            revert AccessACL_GatewayOutsideRegion(gateway, c.regionCode);
        }

        // Effect
        _counters[grantId].ticketsReserved += count;
        sessionId = keccak256(abi.encode(block.chainid, address(this), grantId, ++_lastSession));
        emit TicketsReserved(sessionId, grantId, msg.sender, op, count, gateway);
    }

    /// @inheritdoc IAccessACL
    function reserve(bytes32 permitId, uint256 grantId, Query calldata query)
        external
        override
        onlyRole(Roles.PERMITS)
        whenIssuing
    {
        // Check: every clause, now. Version 0 or program 0 would skip a rule.
        if (query.version == 0 || query.algorithmId == 0) {
            revert AccessACL_IncompleteQuery(grantId, query.version, query.algorithmId);
        }
        Reservation storage reservation = _reservations[msg.sender][permitId][grantId];
        if (reservation.held) revert AccessACL_AlreadyReserved(permitId, grantId);
        Clauses memory c = _clauses[grantId];
        Query memory q = query;
        q.op = ClauseRules.COMPUTE;
        q.time = uint64(block.timestamp);
        q.tickets = 0;
        _requireAllowed(grantId, c, q);

        // Effect: the run, the rate window and the privacy charge are taken together.
        Counters storage n = _counters[grantId];
        ++n.runsReserved;
        uint64 index = ClauseRules.rateIndexAt(c, q.time);
        n.rateCount = n.rateIndex == index ? n.rateCount + 1 : 1;
        n.rateIndex = index;
        n.epsilonReserved += q.epsilonMicro;
        n.deltaReserved += q.deltaNano;
        n.releasesReserved += q.exactReleases;
        reservation.held = true;
        reservation.epsilonMicro = q.epsilonMicro;
        reservation.deltaNano = q.deltaNano;
        reservation.exactReleases = q.exactReleases;
        emit RunReserved(grantId, permitId, msg.sender, Charge(q.epsilonMicro, q.deltaNano, q.exactReleases));
    }

    /// @inheritdoc IAccessACL
    function commit(bytes32 permitId, uint256 grantId) external override {
        Reservation memory taken = _takeReservation(permitId, grantId);
        Counters storage n = _counters[grantId];
        ++n.runsUsed;
        n.epsilonUsed += taken.epsilonMicro;
        n.deltaUsed += taken.deltaNano;
        n.releasesUsed += taken.exactReleases;
        emit RunUsed(grantId, permitId);
    }

    /// @inheritdoc IAccessACL
    function giveBack(bytes32 permitId, uint256 grantId) external override {
        _takeReservation(permitId, grantId);
        emit RunReturned(grantId, permitId);
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

    function _takeReservation(bytes32 permitId, uint256 grantId) private returns (Reservation memory taken) {
        // Check: only what this caller reserved, once.
        taken = _reservations[msg.sender][permitId][grantId];
        if (!taken.held) revert AccessACL_NoReservation(msg.sender, permitId, grantId);

        // Effect
        delete _reservations[msg.sender][permitId][grantId];
        Counters storage n = _counters[grantId];
        --n.runsReserved;
        n.epsilonReserved -= taken.epsilonMicro;
        n.deltaReserved -= taken.deltaNano;
        n.releasesReserved -= taken.exactReleases;
    }

    function _query(address grantee, uint8 op, bytes32 purposeHash, bytes32 regionCode, uint64 time)
        private
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
    function _requireAllowed(uint256 grantId, Clauses memory c, Query memory q) private view {
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
