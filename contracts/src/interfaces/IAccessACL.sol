// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    Charge,
    Clauses,
    Counters,
    GrantState,
    GrantTerms,
    OutputPolicy,
    OutputTerms,
    Query,
    Reason
} from "../types/GrantTypes.sol";

/// @notice What a grantee asked for.
struct AccessRequest {
    uint256 datasetId;
    address grantee;
    uint256 sbtId;
    uint8 opMask;
    bytes32 purposeHash;
    bytes32 termsHash;
}

/// @title IAccessACL
/// @notice Requests, grants, revocations and reservations. Default deny: nothing is allowed unless a grant's ten
/// clauses all say so. A grant has the number of the request that it answers, from 1.
interface IAccessACL {
    // Malformed requests and grants

    /// @notice The caller needs a live identity.
    error AccessACL_NoIdentity(address caller);
    /// @notice Operations must be a non-empty subset of `allowed`.
    error AccessACL_BadOpMask(uint8 opMask, uint8 allowed);
    /// @notice Purpose and terms must not be zero.
    error AccessACL_ZeroHash();
    /// @notice Only the dataset's owner may do this.
    error AccessACL_NotOwner(uint256 datasetId, address caller);
    /// @notice Only the grantee or the dataset's owner may do this.
    error AccessACL_NotParty(uint256 grantId, address caller);
    /// @notice The grant is not in the state that the call needs.
    error AccessACL_WrongState(uint256 grantId, GrantState state);
    /// @notice Identity, dataset, purpose and terms of a grant are those of its request.
    error AccessACL_DiffersFromRequest(uint256 grantId);
    /// @notice The window is empty or over.
    error AccessACL_BadWindow(uint64 notBefore, uint64 expiry, uint64 time);
    /// @notice A rate needs both a count and a window.
    error AccessACL_BadRate(uint32 rateMax, uint32 rateWindow);
    /// @notice The dataset must not leave its region.
    error AccessACL_BadRegion(bytes32 datasetRegion, bytes32 grantRegion);
    /// @notice The supplied terms are not those of `termsHash`.
    error AccessACL_TermsMismatch(bytes32 termsHash, bytes32 suppliedHash);
    /// @notice The agreed terms do not allow the output policy (clause 7).
    error AccessACL_OutputNotAllowed(OutputPolicy policy);
    /// @notice A pin names a version that exists and is not barred; following names none.
    error AccessACL_BadVersionPolicy(uint256 datasetId, uint32 pinnedVersion);
    /// @notice Shares are at most 10000 together; the work fee is at most the fee; a fee needs a token, no fee none.
    error AccessACL_BadFee(address feeToken, uint128 feePerUse, uint128 workFee, uint256 bps);
    /// @notice At most 16 programs.
    error AccessACL_TooManyAlgorithms(uint256 count);
    /// @notice Ticket sessions are for READ or EXPORT, of at least one ticket.
    error AccessACL_BadSession(uint8 op, uint32 count);
    /// @notice The gateway is not attested to be in the grant's region.
    error AccessACL_GatewayOutsideRegion(address gateway, bytes32 regionCode);
    /// @notice A run names its version and its program.
    error AccessACL_IncompleteQuery(uint256 grantId, uint32 version, bytes32 algorithmId);
    /// @notice The permit has already reserved on this grant.
    error AccessACL_AlreadyReserved(bytes32 permitId, uint256 grantId);
    /// @notice The caller has no such reservation.
    error AccessACL_NoReservation(address holder, bytes32 permitId, uint256 grantId);

    // Refusals, one per {Reason}, with the values that prove it

    error AccessACL_UnknownGrant(uint256 grantId);
    error AccessACL_NotGranted(uint256 grantId, GrantState state);
    error AccessACL_Revoked(uint256 grantId);
    error AccessACL_WrongGrantee(uint256 grantId, address named, address given);
    error AccessACL_IdentityNotLive(uint256 grantId, uint256 sbtId);
    error AccessACL_DatasetUnavailable(uint256 grantId, uint256 datasetId);
    error AccessACL_WrongOperation(uint256 grantId, uint8 opMask, uint8 op);
    error AccessACL_WrongPurpose(uint256 grantId, bytes32 named, bytes32 given);
    error AccessACL_NotYetValid(uint256 grantId, uint64 notBefore, uint64 time);
    error AccessACL_Expired(uint256 grantId, uint64 expiry, uint64 time);
    error AccessACL_WrongRegion(uint256 grantId, bytes32 named, bytes32 given);
    error AccessACL_RunsExhausted(uint256 grantId, uint32 maxRuns, uint32 reserved, uint32 used);
    error AccessACL_TicketsExhausted(uint256 grantId, uint32 maxTickets, uint32 reserved, uint32 asked);
    error AccessACL_RateExceeded(uint256 grantId, uint32 rateMax, uint32 rateWindow, uint64 time);
    error AccessACL_BudgetExhausted(
        uint256 grantId, uint64 epsilonMax, uint256 epsilonAsked, uint64 deltaMax, uint256 deltaAsked
    );
    error AccessACL_ReleasesExhausted(uint256 grantId, uint32 max, uint256 asked);
    error AccessACL_VersionBarred(uint256 grantId, uint32 version);
    error AccessACL_VersionMismatch(uint256 grantId, uint32 version);
    error AccessACL_AlgorithmNotAllowed(uint256 grantId, bytes32 algorithmId);

    // Events: Requested, Granted and Revoked are mandatory audit (clause 9)

    /// @notice A grantee asked for access.
    event Requested(
        uint256 indexed grantId,
        uint256 indexed datasetId,
        address indexed grantee,
        uint256 sbtId,
        uint8 opMask,
        bytes32 purposeHash,
        bytes32 termsHash,
        string uri
    );
    /// @notice The owner, or the grantee itself, ended a request.
    event Declined(uint256 indexed grantId, uint256 indexed datasetId, address indexed by);
    /// @notice The owner granted access.
    event Granted(
        uint256 indexed grantId,
        uint256 indexed datasetId,
        address indexed grantee,
        address owner,
        uint64 epoch,
        Clauses clauses,
        OutputTerms outputTerms
    );
    /// @notice The owner revoked one grant.
    event Revoked(uint256 indexed grantId, uint256 indexed datasetId, address indexed by);
    /// @notice The owner revoked every grant on the dataset made in an epoch before `epoch`.
    event AllRevoked(uint256 indexed datasetId, uint64 epoch, address indexed by);
    /// @notice A permit reserved a run and its privacy charge.
    event RunReserved(uint256 indexed grantId, bytes32 indexed permitId, address indexed holder, Charge charge);
    /// @notice A reserved run took effect.
    event RunUsed(uint256 indexed grantId, bytes32 indexed permitId);
    /// @notice A reserved run and its privacy charge came back.
    event RunReturned(uint256 indexed grantId, bytes32 indexed permitId);
    /// @notice A grantee reserved tickets for a READ or EXPORT session at a gateway.
    event TicketsReserved(
        bytes32 indexed sessionId,
        uint256 indexed grantId,
        address indexed grantee,
        uint8 op,
        uint32 count,
        address gateway
    );

    // The workflow

    /// @notice Asks for access. Requires a live identity, an active dataset, and that issuing is not paused.
    /// @param opMask READ=1, LIST=2, EXPORT=4, COMPUTE=8.
    /// @param purposeHash Hash of the structured purpose with its GA4GH DUO codes.
    /// @param termsHash Hash of the {OutputTerms} that the grantee agrees to.
    /// @param uri Where the purpose's document is; empty if it travels otherwise. Nothing personal.
    /// @return grantId Number of the request, and of the grant that may answer it.
    function request(uint256 datasetId, uint8 opMask, bytes32 purposeHash, bytes32 termsHash, string calldata uri)
        external
        returns (uint256 grantId);

    /// @notice Ends a request. Requires its grantee or the dataset's owner. Never paused.
    function decline(uint256 grantId) external;

    /// @notice Grants what was requested, or less. Requires the confirmed owner of a live dataset, and that issuing
    /// is not paused. Identity, dataset, purpose and terms must be the request's; `opMask` a subset of it.
    function grant(uint256 grantId, Clauses calldata clauses, OutputTerms calldata outputTerms) external;

    /// @notice Revokes a grant. Requires the dataset's owner. Never paused; one storage slot.
    function revoke(uint256 grantId) external;

    /// @notice Revokes every grant on a dataset at once. Requires its owner. Never paused; one storage slot.
    /// @return epoch The epoch that begins.
    function revokeAll(uint256 datasetId) external returns (uint64 epoch);

    /// @notice Reserves tickets for a READ or EXPORT session. Requires the grantee, every clause, and where the grant
    /// names a region that the gateway is attested there.
    /// @return sessionId Identifier of the session.
    function reserveTickets(uint256 grantId, uint8 op, uint32 count, address gateway)
        external
        returns (bytes32 sessionId);

    // Reservations of permits

    /// @notice Reserves a run for a permit. Requires the PERMITS role, a version, a program, and every clause for COMPUTE now; `op`, `time`
    /// and `tickets` of the query are set here.
    function reserve(bytes32 permitId, uint256 grantId, Query calldata query) external;

    /// @notice Turns the caller's reservation into use. Only the contract that reserved; needs no role.
    function commit(bytes32 permitId, uint256 grantId) external;

    /// @notice Gives the caller's reservation back. Only the contract that reserved; needs no role.
    function giveBack(bytes32 permitId, uint256 grantId) external;

    // Questions

    /// @notice May `grantee` do `op` for this purpose in this region at `time`? For READ and EXPORT: one ticket.
    function canAccess(
        uint256 grantId,
        address grantee,
        uint8 op,
        bytes32 purposeHash,
        bytes32 regionCode,
        uint64 time
    ) external view returns (Reason);

    /// @notice As `canAccess`, with the job's version, program and privacy charge.
    function decide(uint256 grantId, Query calldata query) external view returns (Reason);

    /// @notice As `canAccess` now, reverting with the error that names the clause and proves the refusal.
    function requireAccess(uint256 grantId, address grantee, uint8 op, bytes32 purposeHash, bytes32 regionCode)
        external
        view;

    /// @notice Whether a permit under this grant on this version may still take a result.
    function standingOf(uint256 grantId, uint32 version) external view returns (Reason);

    /// @notice The one version that a permit under this grant may name now.
    function admissibleVersionOf(uint256 grantId) external view returns (uint32);

    /// @notice State, revocation by epoch included.
    function stateOf(uint256 grantId) external view returns (GrantState);

    /// @notice The request. Zeros if unknown.
    function requestOf(uint256 grantId) external view returns (AccessRequest memory);

    /// @notice The clauses. Zeros if not granted.
    function clausesOf(uint256 grantId) external view returns (Clauses memory);

    /// @notice What permits need of the clauses.
    function grantTermsOf(uint256 grantId) external view returns (GrantTerms memory);

    /// @notice What the grant has spent.
    function countersOf(uint256 grantId) external view returns (Counters memory);

    /// @notice The dataset's present epoch of grants.
    function epochOf(uint256 datasetId) external view returns (uint64);

    /// @notice Hash of agreed terms: keccak256(abi.encode(allowReencrypt, allowMultiKey, documentHash)).
    function hashOutputTerms(OutputTerms calldata outputTerms) external pure returns (bytes32);

    /// @notice The clause (1 to 10) that a refusal stands for; 0 if none.
    function clauseOf(Reason reason) external pure returns (uint8);
}
