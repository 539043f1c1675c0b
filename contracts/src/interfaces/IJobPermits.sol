// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Reason} from "../types/GrantTypes.sol";
import {
    AuthorisationWay,
    Fees,
    Permit,
    PermitAuthorisation,
    PermitState,
    RefundReason,
    ReleaseClass,
    Terms
} from "../types/PermitTypes.sol";

/// @title IJobPermits
/// @notice Short-lived rights to run one program over one or more datasets, and the table of their states:
///
/// | from       | call                                  | to                  |
/// |------------|---------------------------------------|---------------------|
/// | None       | issueJobPermit                        | Issued              |
/// | Issued     | postResult (now < expiry, grants live) | Posted              |
/// | Issued     | cancel, voidRevoked, expire, fail     | Refunded            |
/// | Posted     | challenge (now < challengeEnds)       | Challenged          |
/// | Posted     | accept (now >= challengeEnds, or enough replicas) | Accepted |
/// | Challenged | rule (now < ruleBy)                   | Accepted / Refunded |
/// | Challenged | timeOutRuling (now >= ruleBy)         | Refunded            |
/// | Accepted   | release of each dataset (now < releaseBy) | Released after the last |
/// | Accepted   | lapse (now >= releaseBy)              | Lapsed              |
///
/// `permitId = keccak256(abi.encode(chainId, contract, issuer, nonce, termsHash))` with
/// `termsHash = keccak256(abi.encode(terms))`. Deadlines are exclusive. Pausing stops issuing only.
interface IJobPermits {
    // Issuing

    /// @notice 1 to 16 datasets; the four arrays have one length; signatures none or as many.
    error JobPermits_BadShape(
        uint256 grants, uint256 datasets, uint256 versions, uint256 roots, uint256 signatures
    );
    /// @notice Dataset numbers ascend strictly.
    error JobPermits_DatasetsNotAscending(uint256 previous, uint256 datasetId);
    /// @notice The grant is for another dataset.
    error JobPermits_WrongDataset(uint256 grantId, uint256 grantDataset, uint256 datasetId);
    /// @notice The root is not the manifest commitment of that version.
    error JobPermits_RootMismatch(uint256 datasetId, uint32 version, bytes32 registered, bytes32 given);
    /// @notice The permit must expire in the future and not after any of its grants.
    error JobPermits_BadExpiry(uint64 expiry, uint64 time, uint64 latest);
    /// @notice A challenge window is at most 30 days; a release window lies between 1 second and 366 days.
    error JobPermits_BadWindows(uint32 challengeWindow, uint32 releaseWindow);
    /// @notice Only the grantee, or the owner of one of the datasets, issues.
    error JobPermits_NotIssuer(address caller);
    /// @notice The owner of this dataset has not authorised the permit.
    error JobPermits_NotAuthorised(uint256 datasetId, address owner);
    /// @notice The signature is not the owner's.
    error JobPermits_BadSignature(uint256 datasetId, address owner);
    /// @notice The owner's signature is no longer good.
    error JobPermits_SignatureExpired(uint64 deadline, uint64 time);
    /// @notice The owner has cancelled this authorisation.
    error JobPermits_AuthorisationCancelled(address owner, bytes32 permitId);
    /// @notice Someone else issues for the grantee, who has not agreed to pay.
    error JobPermits_NotProposed(bytes32 termsHash, address grantee);
    /// @notice Only the operator that the permit names posts or fails.
    error JobPermits_NotOperator(bytes32 permitId, address caller);
    /// @notice Only the grantee may do this. The first argument is a permit or a terms hash.
    error JobPermits_NotGrantee(bytes32 id, address caller);
    /// @notice The program is not approved.
    error JobPermits_AlgorithmNotApproved(bytes32 algorithmId);
    /// @notice The operator does not hold the SETTLER role.
    error JobPermits_BadOperator(address operator);
    /// @notice The operator is not attested to be in the region.
    error JobPermits_OperatorOutsideRegion(address operator, bytes32 regionCode);
    /// @notice The fee is more than the grantee is ready to pay.
    error JobPermits_InsufficientFee(uint256 required, uint256 maxFee);
    /// @notice Grants, program and terms name different tokens.
    error JobPermits_FeeTokenMismatch(address named, address given);
    /// @notice This permit exists.
    error JobPermits_AlreadyIssued(bytes32 permitId);

    // Life

    /// @notice The permit is not in the state that the call needs.
    error JobPermits_WrongState(bytes32 permitId, PermitState state);
    /// @notice Too late for a result.
    error JobPermits_Expired(bytes32 permitId, uint64 expiry, uint64 time);
    /// @notice Too early to expire.
    error JobPermits_NotExpired(bytes32 permitId, uint64 expiry, uint64 time);
    /// @notice A grant no longer stands.
    error JobPermits_GrantNotLive(bytes32 permitId, uint256 grantId, Reason reason);
    /// @notice Every grant stands: there is nothing to void.
    error JobPermits_GrantsLive(bytes32 permitId);
    /// @notice A result has another commitment already.
    error JobPermits_CommitmentConflict(bytes32 permitId, bytes32 posted, bytes32 given);
    /// @notice A commitment must not be zero.
    error JobPermits_ZeroCommitment(bytes32 permitId);
    /// @notice Too late to challenge.
    error JobPermits_ChallengeOver(bytes32 permitId, uint64 challengeEnds, uint64 time);
    /// @notice Without a bond, only the grantee and the datasets' owners challenge.
    error JobPermits_NotChallenger(bytes32 permitId, address caller);
    /// @notice Too early to accept.
    error JobPermits_StillChallengeable(
        bytes32 permitId, uint64 challengeEnds, uint8 attestations, uint8 replicas
    );
    /// @notice Attesting needs the WORKER or SETTLER role, and is not for the permit's own operator.
    error JobPermits_NotAttester(address caller);
    /// @notice This worker has attested.
    error JobPermits_AlreadyAttested(bytes32 permitId, address attester);
    /// @notice Too late to rule.
    error JobPermits_RulingOver(bytes32 permitId, uint64 ruleBy, uint64 time);
    /// @notice Too early to time out.
    error JobPermits_RulingOpen(bytes32 permitId, uint64 ruleBy, uint64 time);
    /// @notice The permit does not cover the dataset.
    error JobPermits_NoSuchDataset(bytes32 permitId, uint256 datasetId);
    /// @notice Only the dataset's confirmed owner releases.
    error JobPermits_NotOwner(uint256 datasetId, address caller);
    /// @notice This dataset's part was released.
    error JobPermits_AlreadyReleased(bytes32 permitId, uint256 datasetId);
    /// @notice Withdrawal or consent bars the release.
    error JobPermits_ReleaseBarred(bytes32 permitId, uint256 datasetId, uint32 version);
    /// @notice Too late to release.
    error JobPermits_ReleaseOver(bytes32 permitId, uint64 releaseBy, uint64 time);
    /// @notice Too early to lapse.
    error JobPermits_ReleaseOpen(bytes32 permitId, uint64 releaseBy, uint64 time);
    /// @notice A release names its class and commits to what left.
    error JobPermits_BadRelease(bytes32 permitId, ReleaseClass class, bytes32 releaseCommitment);

    // Events

    /// @notice A grantee agreed to terms that an owner may issue.
    event JobProposed(bytes32 indexed termsHash, address indexed grantee, Terms terms);
    /// @notice A grantee took that back, or it was used.
    event JobProposalEnded(bytes32 indexed termsHash, address indexed grantee);
    /// @notice A permit was issued, its fee locked, its runs and budgets reserved.
    event JobPermitIssued(
        bytes32 indexed permitId,
        address indexed grantee,
        address indexed issuer,
        uint256 nonce,
        bytes32 termsHash,
        uint64 issuedAt,
        Terms terms,
        Fees fees
    );
    /// @notice How the owner of one dataset authorised the permit.
    event JobAuthorised(
        bytes32 indexed permitId,
        uint256 indexed datasetId,
        address indexed owner,
        uint256 grantId,
        AuthorisationWay way
    );
    /// @notice An owner cancelled a signed authorisation before its use.
    event AuthorisationCancelled(address indexed owner, bytes32 indexed permitId);
    /// @notice A result was posted.
    event JobResult(
        bytes32 indexed permitId,
        bytes32 indexed commitment,
        address indexed poster,
        uint64 challengeEnds,
        string uri
    );
    /// @notice A worker attested that it computed the same result.
    event ReplicaAttested(bytes32 indexed permitId, address indexed attester, uint8 attestations);
    /// @notice A result was challenged.
    event JobChallenged(
        bytes32 indexed permitId, address indexed challenger, uint256 bond, bytes32 evidenceHash, uint64 ruleBy
    );
    /// @notice A challenge was ruled on.
    event JobRuled(bytes32 indexed permitId, address indexed arbiter, bool resultStands, address bondTo);
    /// @notice The result stands: compute and author shares are paid.
    event JobAccepted(bytes32 indexed permitId, uint256 compute, uint256 author, uint64 releaseBy);
    /// @notice The owner released its part, and was paid its data share. `complete`: it was the last part.
    event JobReleased(
        bytes32 indexed permitId,
        uint256 indexed datasetId,
        address indexed owner,
        bytes32 releaseCommitment,
        ReleaseClass class,
        uint256 dataShare,
        bool complete
    );
    /// @notice Nobody released in time: unreleased data shares went back.
    event JobLapsed(bytes32 indexed permitId, uint256 toGrantee);
    /// @notice The permit ended without an accepted result. `detail`: the settler's failure code, or 0.
    event JobRefunded(
        bytes32 indexed permitId,
        address indexed grantee,
        RefundReason reason,
        uint256 toGrantee,
        uint256 workFee,
        bytes32 detail
    );

    // Calls

    /// @notice Agrees to terms, so that an owner may issue them at the caller's cost. Requires the grantee.
    function proposeJob(Terms calldata terms) external returns (bytes32 termsHash);

    /// @notice Takes a proposal back. Requires its grantee. Never paused.
    function withdrawProposal(bytes32 termsHash) external;

    /// @notice Cancels an authorisation that the caller signed. Never paused.
    function cancelAuthorisation(bytes32 permitId) external;

    /// @notice Issues a permit. The caller is the grantee, or the owner of one of the datasets. For each dataset its
    /// owner must have authorised: by being the caller, by an EIP-712 signature over {PermitAuthorisation} (contract
    /// wallets by EIP-1271), or beforehand in the grant. Every clause of every grant must hold now; the program must
    /// be approved, the operator a SETTLER attested in the region if one is named, and the fee at most `maxFee`,
    /// which the grantee has approved to `Settlement`. An owner who issues at a cost needs the grantee's proposal.
    /// @param nonce Any number; with the same issuer and terms it names the same permit.
    /// @param deadline Of the signatures; ignored if there are none.
    /// @param signatures None, or one per dataset; empty where another way authorises.
    function issueJobPermit(Terms calldata terms, uint256 nonce, uint64 deadline, bytes[] calldata signatures)
        external
        returns (bytes32 permitId);

    /// @notice Posts a result. Requires the permit's operator, still SETTLER, now < expiry, and every grant live. The same commitment again is a
    /// no-op in every later state; another one reverts. Logs a use per grant.
    function postResult(bytes32 permitId, bytes32 commitment, string calldata uri) external;

    /// @notice Ends an issued permit. Requires the grantee. After the grace period the work fee is due, unless the
    /// permit has expired.
    function cancel(bytes32 permitId) external;

    /// @notice Ends an issued permit one of whose grants no longer stands (revoked, suspended, withdrawn, barred).
    /// Anyone. After the grace period the work fee is due, unless the permit has expired.
    function voidRevoked(bytes32 permitId) external;

    /// @notice Ends an issued permit once now >= expiry. Anyone. Full refund.
    function expire(bytes32 permitId) external;

    /// @notice Ends an issued permit that cannot be carried out. Requires the permit's operator, still SETTLER. Full refund.
    /// @param detail The failure code.
    function fail(bytes32 permitId, bytes32 detail) external;

    /// @notice Challenges a posted result, now < challengeEnds. Locks the bond, if the deployment has one, from the
    /// caller; without a bond requires the grantee or an owner.
    function challenge(bytes32 permitId, bytes32 evidenceHash) external;

    /// @notice Attests the same commitment for a posted result. Requires WORKER or SETTLER, once each; not the
    /// permit's own operator.
    function attestReplica(bytes32 permitId, bytes32 commitment) external;

    /// @notice Accepts a posted result once now >= challengeEnds, or with as many attestations as the terms ask for.
    /// Anyone. Pays compute and author shares.
    function accept(bytes32 permitId) external;

    /// @notice Rules on a challenge, now < ruleBy. Requires ARBITER. If the result stands the bond goes to the
    /// operator and the permit is accepted; otherwise the bond goes back and the permit is refunded.
    function rule(bytes32 permitId, bool resultStands) external;

    /// @notice Refunds a challenged permit that nobody ruled on, once now >= ruleBy. Anyone. The bond goes back.
    function timeOutRuling(bytes32 permitId) external;

    /// @notice Records that the owner opened its part and handed over a permitted derivative; pays the data share.
    /// Requires the dataset's confirmed owner, now < releaseBy, and a version that is not barred.
    function release(bytes32 permitId, uint256 datasetId, bytes32 releaseCommitment, ReleaseClass class) external;

    /// @notice Ends an accepted permit once now >= releaseBy. Anyone. Unreleased data shares go back.
    function lapse(bytes32 permitId) external;

    // Views

    /// @notice The exact price of terms, if issued now. Reverts with `JobPermits_FeeTokenMismatch` if tokens differ.
    function quote(Terms calldata terms) external view returns (Fees memory);

    /// @notice keccak256(abi.encode(terms)).
    function termsHashOf(Terms calldata terms) external pure returns (bytes32);

    /// @notice The identifier of a permit.
    function permitIdOf(address issuer, uint256 nonce, bytes32 termsHash) external view returns (bytes32);

    /// @notice The EIP-712 digest that an owner signs.
    function authorisationDigest(PermitAuthorisation calldata authorisation) external view returns (bytes32);

    /// @notice The permit. Zeros if unknown.
    function permitOf(bytes32 permitId) external view returns (Permit memory);

    /// @notice The state, `None` if unknown.
    function stateOf(bytes32 permitId) external view returns (PermitState);

    /// @notice Whether the grantee's proposal of these terms stands.
    function isProposed(bytes32 termsHash) external view returns (bool);

    /// @notice Bond of a challenge: token and amount, zeros if none.
    function bond() external view returns (address token, uint256 amount);

    /// @notice Seconds in which an arbiter rules.
    function rulingWindow() external view returns (uint32);
}
