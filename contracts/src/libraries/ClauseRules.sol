// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    Clauses,
    Counters,
    Facts,
    GrantState,
    OutputPolicy,
    OutputTerms,
    Query,
    Reason,
    VersionPolicy
} from "../types/GrantTypes.sol";

/// @title ClauseRules
/// @notice The decision on a grant as a pure function: the same table of vectors (test/vectors/clauses.json) runs
/// here and in TypeScript.
library ClauseRules {
    uint8 internal constant READ = 1;
    uint8 internal constant LIST = 2;
    uint8 internal constant EXPORT = 4;
    uint8 internal constant COMPUTE = 8;
    uint8 internal constant ALL_OPS = 15;

    /// @notice Decides a query; the first rule that refuses names the answer.
    function decide(Clauses memory c, Counters memory n, Facts memory f, Query memory q)
        internal
        pure
        returns (Reason)
    {
        Reason state = _decideState(f.state);
        if (state != Reason.Allowed) return state;
        if (q.grantee != c.grantee) return Reason.WrongGrantee;
        if (!f.identityLive) return Reason.IdentityNotLive;
        if (!f.datasetLive) return Reason.DatasetUnavailable;
        if (q.op == 0 || (q.op & c.opMask) != q.op) return Reason.WrongOperation;
        if (q.purposeHash != c.purposeHash) return Reason.WrongPurpose;
        if (q.time < c.notBefore) return Reason.NotYetValid;
        if (q.time >= c.expiry) return Reason.Expired;
        if (c.regionCode != 0 && q.regionCode != c.regionCode) return Reason.WrongRegion;
        Reason counts = _decideCounts(c, n, q);
        if (counts != Reason.Allowed) return counts;
        return _decideJob(c, f, q);
    }

    /// @notice Whether a permit issued under the grant may still take a result: nothing revoked, suspended or barred.
    function decideStanding(Facts memory f, uint32 version) internal pure returns (Reason) {
        Reason state = _decideState(f.state);
        if (state != Reason.Allowed) return state;
        if (!f.identityLive) return Reason.IdentityNotLive;
        if (!f.datasetLive) return Reason.DatasetUnavailable;
        if (version < f.barrierVersion) return Reason.VersionBarred;
        return Reason.Allowed;
    }

    /// @notice Whether the agreed terms allow an output policy (clause 7).
    function allowsOutput(OutputTerms memory terms, OutputPolicy policy) internal pure returns (bool) {
        if (policy == OutputPolicy.OwnerOnly) return true;
        if (policy == OutputPolicy.ReencryptToGrantee) return terms.allowReencrypt;
        if (policy == OutputPolicy.MultiKey) return terms.allowMultiKey;
        return false;
    }

    /// @notice Hash of agreed terms, the `termsHash` of a grant.
    function hashOutputTerms(OutputTerms memory terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(terms.allowReencrypt, terms.allowMultiKey, terms.documentHash));
    }

    /// @notice Index of the rate window that holds `time`; 0 without a rate or before the grant begins.
    function rateIndexAt(Clauses memory c, uint64 time) internal pure returns (uint64) {
        if (c.rateWindow == 0 || time < c.notBefore) return 0;
        return (time - c.notBefore) / c.rateWindow;
    }

    /// @notice The clause (1 to 10) that a refusal stands for; 0 for `None`, `Allowed` and unknown grants.
    function clauseOf(Reason reason) internal pure returns (uint8) {
        if (reason == Reason.WrongGrantee || reason == Reason.IdentityNotLive) return 1;
        if (reason == Reason.DatasetUnavailable || reason == Reason.WrongOperation) return 2;
        if (reason == Reason.AlgorithmNotAllowed || reason == Reason.VersionMismatch) return 2;
        if (reason == Reason.WrongPurpose) return 3;
        if (reason == Reason.NotYetValid || reason == Reason.Expired) return 4;
        if (reason == Reason.RunsExhausted || reason == Reason.TicketsExhausted) return 4;
        if (reason == Reason.RateExceeded) return 4;
        if (reason == Reason.WrongRegion) return 5;
        if (reason == Reason.BudgetExhausted || reason == Reason.ReleasesExhausted) return 6;
        if (reason == Reason.Revoked || reason == Reason.VersionBarred) return 8;
        return 0;
    }

    function _decideState(GrantState state) private pure returns (Reason) {
        if (state == GrantState.None) return Reason.UnknownGrant;
        if (state == GrantState.Revoked) return Reason.Revoked;
        if (state != GrantState.Granted) return Reason.NotGranted;
        return Reason.Allowed;
    }

    function _decideCounts(Clauses memory c, Counters memory n, Query memory q) private pure returns (Reason) {
        if (q.op & COMPUTE != 0) {
            if (uint256(n.runsReserved) + n.runsUsed >= c.maxRuns) return Reason.RunsExhausted;
        }
        if (q.op & (READ | EXPORT) != 0) {
            if (uint256(n.ticketsReserved) + q.tickets > c.maxTickets) return Reason.TicketsExhausted;
        }
        if (q.op & COMPUTE != 0) {
            if (c.rateMax != 0 && n.rateIndex == rateIndexAt(c, q.time) && n.rateCount >= c.rateMax) {
                return Reason.RateExceeded;
            }
            uint256 epsilon = uint256(n.epsilonReserved) + n.epsilonUsed + q.epsilonMicro;
            uint256 delta = uint256(n.deltaReserved) + n.deltaUsed + q.deltaNano;
            if (epsilon > c.epsilonMicro || delta > c.deltaNano) return Reason.BudgetExhausted;
            uint256 releases = uint256(n.releasesReserved) + n.releasesUsed + q.exactReleases;
            if (releases > c.exactReleases) return Reason.ReleasesExhausted;
        }
        return Reason.Allowed;
    }

    function _decideJob(Clauses memory c, Facts memory f, Query memory q) private pure returns (Reason) {
        if (q.version != 0) {
            if (q.version < f.barrierVersion) return Reason.VersionBarred;
            if (q.version != admissibleVersion(c, f)) return Reason.VersionMismatch;
        }
        if (q.algorithmId != 0 && c.allowedAlgorithms.length != 0) {
            for (uint256 i = 0; i < c.allowedAlgorithms.length; ++i) {
                if (c.allowedAlgorithms[i] == q.algorithmId) return Reason.Allowed;
            }
            return Reason.AlgorithmNotAllowed;
        }
        return Reason.Allowed;
    }

    /// @notice The one version that a permit under the grant may name.
    function admissibleVersion(Clauses memory c, Facts memory f) internal pure returns (uint32) {
        if (c.versionPolicy == VersionPolicy.Follow) return f.latestVersion;
        return c.pinnedVersion < f.barrierVersion ? f.barrierVersion : c.pinnedVersion;
    }
}
