// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Life of a permit. `Released`, `Lapsed` and `Refunded` are final.
enum PermitState {
    None,
    Issued,
    Posted,
    Challenged,
    Accepted,
    Released,
    Lapsed,
    Refunded
}

/// @notice Why a permit was refunded.
enum RefundReason {
    None,
    Cancelled,
    Revoked,
    Expired,
    Failed,
    ChallengeUpheld,
    RulingTimedOut
}

/// @notice How the owner of one dataset authorised one permit.
enum AuthorisationWay {
    None,
    OwnerTransaction,
    OwnerSignature,
    GrantPreAuthorised
}

/// @notice Class of a release. The owner's own view is not a release.
enum ReleaseClass {
    None,
    Controlled,
    OpenDeposit,
    Sensitive
}

/// @notice What a permit is for: one program over 1 to 16 datasets, each under its own grant.
/// @dev The four arrays have one length and one order; `datasetIds` ascends strictly.
struct Terms {
    uint256[] grantIds;
    uint256[] datasetIds;
    uint32[] datasetVersions; // pinned at issue
    bytes32[] datasetRoots; // manifest commitments of those versions
    bytes32 algorithmId;
    bytes32 purposeHash;
    bytes32 paramsHash; // digest of the job's parameters, which travel off chain
    address grantee;
    address operator; // holds SETTLER; paid the compute share and the work fee
    bytes32 regionCode; // where to compute, 0: anywhere
    uint64 expiry; // first second at which no result is taken any more
    uint32 challengeWindow; // seconds after posting, 0 trusts the operator
    uint32 releaseWindow; // seconds after acceptance, at least 1
    address feeToken; // 0 when nothing is to be paid
    uint256 maxFee;
    uint64 epsilonMicro; // charged on each grant
    uint64 deltaNano; // charged on each grant
    uint32 exactReleases; // charged on each grant
    uint8 replicas; // matching attestations that shorten the challenge window, 0: none do
}

/// @notice Exact price of a permit. `total` = compute + author + sum of data.
struct Fees {
    address token; // 0 when total is 0
    uint256 total;
    uint256 compute;
    uint256 author;
    uint256[] data; // per dataset, in the order of the terms
    uint256 work; // what cancelling or revoking after the grace period costs
    uint64 graceEnds; // first second of that, if issued now
}

/// @notice What an owner signs (EIP-712) to authorise one permit.
struct PermitAuthorisation {
    bytes32 permitId;
    address grantee;
    bytes32 termsHash;
    uint256 nonce;
    uint64 deadline; // exclusive
}

/// @notice One dataset of a permit.
struct PermitItem {
    uint256 grantId;
    uint256 datasetId;
    uint256 dataShare;
    uint32 version;
    bool released;
}

/// @notice A permit as stored.
struct Permit {
    PermitState state;
    address grantee;
    uint64 issuedAt;
    address operator;
    uint64 expiry;
    address author;
    uint64 graceEnds;
    address feeToken;
    uint64 challengeEnds; // set when posted
    address challenger;
    uint64 ruleBy; // set when challenged
    uint64 releaseBy; // set when accepted
    uint32 challengeWindow;
    uint32 releaseWindow;
    uint8 replicas;
    uint8 attestations;
    uint8 unreleased; // datasets not released yet
    bytes32 termsHash;
    bytes32 resultCommitment;
    bytes32 purposeHash;
    uint256 compute;
    uint256 authorShare;
    uint256 work;
    PermitItem[] items;
}
