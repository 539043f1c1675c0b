// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Life of a grant. Revocation by epoch shows as `Revoked` too.
enum GrantState {
    None,
    Requested,
    Granted,
    Declined,
    Revoked
}

/// @notice Clause 7: where the opened result may go. Anything but `OwnerOnly` needs the agreed terms to allow it.
enum OutputPolicy {
    None,
    OwnerOnly,
    ReencryptToGrantee,
    MultiKey
}

/// @notice Which versions of a dataset a grant is for. Withdrawal and consent override pinning: a pin below the
/// dataset's barrier then means the barrier version.
enum VersionPolicy {
    None,
    Follow,
    Pin
}

/// @notice Answer to "may X do Y on Z now?". Everything but `Allowed` is a refusal; `None` is never returned.
/// Rules are tried in the order of this list and the first that refuses names the answer.
enum Reason {
    None,
    Allowed,
    UnknownGrant, // no such grant or request
    NotGranted, // requested or declined only
    Revoked, // clause 8: revoked, or revoked with its epoch
    WrongGrantee, // clause 1: not the grantee that the grant names
    IdentityNotLive, // clause 1: the grant's identity is not (any more) with the grantee
    DatasetUnavailable, // clause 2: paused, withdrawn, transfer unconfirmed or owner's identity gone
    WrongOperation, // clause 2: an operation outside opMask
    WrongPurpose, // clause 3
    NotYetValid, // clause 4: time < notBefore
    Expired, // clause 4: time >= expiry
    WrongRegion, // clause 5
    RunsExhausted, // clause 4: maxRuns
    TicketsExhausted, // clause 4: maxTickets
    RateExceeded, // clause 4: rateMax per rateWindow
    BudgetExhausted, // clause 6: epsilon or delta
    ReleasesExhausted, // clause 6: exact releases
    VersionBarred, // clause 8: withdrawal or consent bars this version
    VersionMismatch, // not the version that the grant follows or pins
    AlgorithmNotAllowed // clause 2: outside the grant's list of programs
}

/// @notice The ten clauses of a grant.
/// @dev Times are Unix seconds, amounts are in the fee token's smallest unit.
struct Clauses {
    // 1 identity
    uint256 sbtId;
    address grantee;
    // 2 scope
    uint256 datasetId;
    uint8 opMask; // READ=1 LIST=2 EXPORT=4 COMPUTE=8
    bytes32[] allowedAlgorithms; // empty: any approved program; at most 16
    // 3 purpose
    bytes32 purposeHash;
    // 4 time
    uint64 notBefore; // inclusive
    uint64 expiry; // exclusive
    uint32 maxRuns; // permits, reserved and used together
    uint32 maxTickets; // READ and EXPORT tickets
    uint32 rateMax; // permits per window, 0: no limit
    uint32 rateWindow; // seconds; windows are counted from notBefore
    // 5 residency
    bytes32 regionCode; // left-aligned ASCII, 0: any
    // 6 privacy budget
    uint64 epsilonMicro; // 1e-6
    uint64 deltaNano; // 1e-9
    uint32 exactReleases;
    // 7 output policy
    OutputPolicy outputPolicy;
    bytes32 termsHash; // hash of the OutputTerms that both sides agreed to
    // 8 revocation and versions
    VersionPolicy versionPolicy;
    uint32 pinnedVersion; // 0 unless pinned
    uint32 graceSeconds; // cancelling or revoking within it costs nothing
    // 9 audit
    bool auditEachUse; // ticket uses are logged one by one, never batched
    // 10 settlement
    address feeToken; // 0 when feePerUse is 0
    uint128 feePerUse;
    uint128 workFee; // at most feePerUse
    uint16 computeBps; // of feePerUse to the operator
    uint16 authorBps; // of feePerUse to the program's author; the rest is the data share
    // authorisation
    bool autoAuthorise; // each permit needs no further act of the owner
}

/// @notice The terms behind `termsHash` (clause 7), supplied when granting.
struct OutputTerms {
    bool allowReencrypt;
    bool allowMultiKey;
    bytes32 documentHash; // of the data-use agreement
}

/// @notice What a grant has spent. Reserved: permits under way. Used: permits that took effect.
struct Counters {
    uint32 runsReserved;
    uint32 runsUsed;
    uint32 ticketsReserved;
    uint32 rateCount;
    uint64 rateIndex;
    uint64 epsilonReserved;
    uint64 epsilonUsed;
    uint64 deltaReserved;
    uint64 deltaUsed;
    uint32 releasesReserved;
    uint32 releasesUsed;
}

/// @notice What the rules need to know besides clauses and counters.
struct Facts {
    GrantState state;
    bool identityLive;
    bool datasetLive;
    uint32 latestVersion;
    uint32 barrierVersion;
}

/// @notice A question. `version` 0 and `algorithmId` 0 skip the two last rules (a question without a job).
struct Query {
    address grantee;
    uint8 op;
    bytes32 purposeHash;
    bytes32 regionCode;
    uint64 time;
    uint32 tickets; // asked for at once, when op holds READ or EXPORT
    uint64 epsilonMicro;
    uint64 deltaNano;
    uint32 exactReleases;
    uint32 version;
    bytes32 algorithmId;
}

/// @notice What permits need from a grant to be priced, authorised and timed.
struct GrantTerms {
    uint256 datasetId;
    uint64 expiry;
    uint32 graceSeconds;
    bool autoAuthorise;
    address feeToken;
    uint128 feePerUse;
    uint128 workFee;
    uint16 computeBps;
    uint16 authorBps;
}

/// @notice The privacy charge of one permit on each of its grants.
struct Charge {
    uint64 epsilonMicro;
    uint64 deltaNano;
    uint32 exactReleases;
}
