// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Guarded} from "./Guarded.sol";
import {IAccessACL} from "./interfaces/IAccessACL.sol";
import {Algorithm, AlgorithmState, IAlgorithmRegistry} from "./interfaces/IAlgorithmRegistry.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {IDatasetRegistry} from "./interfaces/IDatasetRegistry.sol";
import {IJobPermits} from "./interfaces/IJobPermits.sol";
import {IRegionOracle} from "./interfaces/IRegionOracle.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {IUsageLog, Use} from "./interfaces/IUsageLog.sol";
import {ClauseRules} from "./libraries/ClauseRules.sol";
import {Roles} from "./libraries/Roles.sol";
import {GrantTerms, Query, Reason} from "./types/GrantTypes.sol";
import {
    AuthorisationWay,
    Fees,
    Permit,
    PermitAuthorisation,
    PermitItem,
    PermitState,
    RefundReason,
    ReleaseClass,
    Terms
} from "./types/PermitTypes.sol";

/// @title JobPermits
/// @notice See {IJobPermits}.
contract JobPermits is IJobPermits, Guarded, EIP712, ReentrancyGuardTransient {
    uint256 private constant MAX_DATASETS = 16;
    uint256 private constant FULL_BPS = 10_000;
    uint32 private constant MAX_CHALLENGE_WINDOW = 30 days;
    uint32 private constant MAX_RELEASE_WINDOW = 366 days;

    /// @notice EIP-712 type of an owner's authorisation.
    bytes32 public constant PERMIT_AUTHORISATION_TYPEHASH = keccak256(
        "PermitAuthorisation(bytes32 permitId,address grantee,bytes32 termsHash,uint256 nonce,uint64 deadline)"
    );

    /// @notice The contracts that a deployment wires in, and its rules for challenges.
    struct Config {
        IAuthority authority;
        IAccessACL acl;
        IDatasetRegistry datasets;
        IAlgorithmRegistry algorithms;
        ISettlement settlement;
        IUsageLog usageLog;
        IRegionOracle regions;
        address bondToken; // 0 without a bond
        uint256 bondAmount;
        uint32 rulingWindow; // seconds, at least 1
    }

    /// @notice Grants, their clauses and reservations.
    IAccessACL public immutable acl;
    /// @notice Datasets and their owners.
    IDatasetRegistry public immutable datasets;
    /// @notice Programs.
    IAlgorithmRegistry public immutable algorithms;
    /// @notice The money.
    ISettlement public immutable settlement;
    /// @notice The audit of uses.
    IUsageLog public immutable usageLog;
    /// @notice Attested regions of operators.
    IRegionOracle public immutable regions;
    /// @inheritdoc IJobPermits
    uint32 public immutable override rulingWindow;

    address private immutable _bondToken;
    uint256 private immutable _bondAmount;

    mapping(bytes32 permitId => Permit) private _permits;
    mapping(bytes32 termsHash => address) private _proposers;
    mapping(address owner => mapping(bytes32 permitId => bool)) private _cancelled;
    mapping(bytes32 permitId => mapping(address attester => bool)) private _attested;

    /// @notice The bond needs a token and an amount or neither, and a ruling some time.
    error JobPermits_BadConfig();

    constructor(Config memory config) Guarded(config.authority) EIP712("COS JobPermits", "1") {
        if ((config.bondToken == address(0)) != (config.bondAmount == 0) || config.rulingWindow == 0) {
            revert JobPermits_BadConfig();
        }
        acl = config.acl;
        datasets = config.datasets;
        algorithms = config.algorithms;
        settlement = config.settlement;
        usageLog = config.usageLog;
        regions = config.regions;
        rulingWindow = config.rulingWindow;
        _bondToken = config.bondToken;
        _bondAmount = config.bondAmount;
    }

    /// @inheritdoc IJobPermits
    function proposeJob(Terms calldata terms) external override whenIssuing returns (bytes32 termsHash) {
        termsHash = termsHashOf(terms);
        if (msg.sender != terms.grantee) revert JobPermits_NotGrantee(termsHash, msg.sender);
        _proposers[termsHash] = msg.sender;
        emit JobProposed(termsHash, msg.sender, terms);
    }

    /// @inheritdoc IJobPermits
    function withdrawProposal(bytes32 termsHash) external override {
        if (msg.sender != _proposers[termsHash]) revert JobPermits_NotGrantee(termsHash, msg.sender);
        _endProposal(termsHash, msg.sender);
    }

    /// @inheritdoc IJobPermits
    function cancelAuthorisation(bytes32 permitId) external override {
        _cancelled[msg.sender][permitId] = true;
        emit AuthorisationCancelled(msg.sender, permitId);
    }

    /// @inheritdoc IJobPermits
    function issueJobPermit(Terms calldata terms, uint256 nonce, uint64 deadline, bytes[] calldata signatures)
        external
        override
        whenIssuing
        nonReentrant
        returns (bytes32 permitId)
    {
        // Check: well-formed and new.
        _checkShape(terms, signatures.length);
        bytes32 termsHash = termsHashOf(terms);
        permitId = permitIdOf(msg.sender, nonce, termsHash);
        if (_permits[permitId].state != PermitState.None) revert JobPermits_AlreadyIssued(permitId);

        // Check: the clauses of every grant, by reserving on it. A refusal names its clause before anything else is
        // looked at; the access list calls nobody back.
        for (uint256 i = 0; i < terms.grantIds.length; ++i) {
            acl.reserve(permitId, terms.grantIds[i], _runQuery(terms, i));
        }

        // Check: a program and an operator that may run it, at a price within what the grantee offers.
        _checkOperator(terms);
        Algorithm memory algorithm = _approvedAlgorithm(terms.algorithmId);
        (Fees memory fees, GrantTerms[] memory grants) = _price(terms, algorithm);
        if (fees.total > terms.maxFee) revert JobPermits_InsufficientFee(fees.total, terms.maxFee);
        _checkDatasets(terms, grants);

        // Check: every owner authorises, and the payer agrees.
        PermitAuthorisation memory authorisation = PermitAuthorisation({
            permitId: permitId, grantee: terms.grantee, termsHash: termsHash, nonce: nonce, deadline: deadline
        });
        (AuthorisationWay[] memory ways, address[] memory owners) =
            _authorise(terms, grants, authorisation, signatures);
        _checkIssuer(terms.grantee, termsHash, ways, fees.total);

        // Effect
        _store(permitId, termsHash, terms, fees, algorithm.author);
        emit JobPermitIssued(
            permitId, terms.grantee, msg.sender, nonce, termsHash, uint64(block.timestamp), terms, fees
        );
        for (uint256 i = 0; i < owners.length; ++i) {
            emit JobAuthorised(permitId, terms.datasetIds[i], owners[i], terms.grantIds[i], ways[i]);
        }

        // Interaction: the only call that reaches a foreign contract that may call back; see `nonReentrant`.
        if (fees.total != 0) settlement.lock(permitId, fees.token, terms.grantee, fees.total);
    }

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

    /// @inheritdoc IJobPermits
    function quote(Terms calldata terms) external view override returns (Fees memory fees) {
        _checkShape(terms, 0);
        (fees,) = _price(terms, _approvedAlgorithm(terms.algorithmId));
    }

    /// @inheritdoc IJobPermits
    function authorisationDigest(PermitAuthorisation calldata authorisation)
        external
        view
        override
        returns (bytes32)
    {
        return _digest(authorisation);
    }

    /// @inheritdoc IJobPermits
    function permitOf(bytes32 permitId) external view override returns (Permit memory) {
        return _permits[permitId];
    }

    /// @inheritdoc IJobPermits
    function stateOf(bytes32 permitId) external view override returns (PermitState) {
        return _permits[permitId].state;
    }

    /// @inheritdoc IJobPermits
    function isProposed(bytes32 termsHash) external view override returns (bool) {
        return _proposers[termsHash] != address(0);
    }

    /// @inheritdoc IJobPermits
    function bond() external view override returns (address token, uint256 amount) {
        return (_bondToken, _bondAmount);
    }

    /// @inheritdoc IJobPermits
    function permitIdOf(address issuer, uint256 nonce, bytes32 termsHash) public view override returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), issuer, nonce, termsHash));
    }

    /// @inheritdoc IJobPermits
    function termsHashOf(Terms calldata terms) public pure override returns (bytes32) {
        return keccak256(abi.encode(terms));
    }

    // Issuing

    function _checkShape(Terms calldata terms, uint256 signatures) private pure {
        uint256 count = terms.grantIds.length;
        if (
            count == 0 || count > MAX_DATASETS || terms.datasetIds.length != count
                || terms.datasetVersions.length != count || terms.datasetRoots.length != count
                || (signatures != 0 && signatures != count)
        ) {
            revert JobPermits_BadShape(
                count, terms.datasetIds.length, terms.datasetVersions.length, terms.datasetRoots.length, signatures
            );
        }
        for (uint256 i = 1; i < count; ++i) {
            if (terms.datasetIds[i] <= terms.datasetIds[i - 1]) {
                revert JobPermits_DatasetsNotAscending(terms.datasetIds[i - 1], terms.datasetIds[i]);
            }
        }
        if (
            terms.challengeWindow > MAX_CHALLENGE_WINDOW || terms.releaseWindow == 0
                || terms.releaseWindow > MAX_RELEASE_WINDOW
        ) revert JobPermits_BadWindows(terms.challengeWindow, terms.releaseWindow);
    }

    function _checkOperator(Terms calldata terms) private view {
        address operator = terms.operator;
        if (!authority.hasRole(Roles.SETTLER, operator)) revert JobPermits_BadOperator(operator);
        if (terms.regionCode != 0 && !regions.isIn(operator, terms.regionCode, uint64(block.timestamp))) {
            revert JobPermits_OperatorOutsideRegion(operator, terms.regionCode);
        }
    }

    function _approvedAlgorithm(bytes32 algorithmId) private view returns (Algorithm memory) {
        if (algorithms.stateOf(algorithmId) != AlgorithmState.Approved) {
            revert JobPermits_AlgorithmNotApproved(algorithmId);
        }
        return algorithms.algorithmOf(algorithmId);
    }

    /// @dev Shares of each grant's fee are rounded down for operator and author; the data share is the rest.
    function _price(Terms calldata terms, Algorithm memory algorithm)
        private
        view
        returns (Fees memory fees, GrantTerms[] memory grants)
    {
        uint256 count = terms.grantIds.length;
        grants = new GrantTerms[](count);
        fees.data = new uint256[](count);
        fees.author = algorithm.fee;
        fees.total = algorithm.fee;
        _checkToken(terms.feeToken, algorithm.feeToken);
        uint32 grace = 0;
        for (uint256 i = 0; i < count; ++i) {
            GrantTerms memory g = acl.grantTermsOf(terms.grantIds[i]);
            grants[i] = g;
            _checkToken(terms.feeToken, g.feeToken);
            uint256 compute = uint256(g.feePerUse) * g.computeBps / FULL_BPS;
            uint256 author = uint256(g.feePerUse) * g.authorBps / FULL_BPS;
            fees.compute += compute;
            fees.author += author;
            fees.data[i] = g.feePerUse - compute - author;
            fees.total += g.feePerUse;
            fees.work += g.workFee;
            if (g.graceSeconds > grace) grace = g.graceSeconds;
        }
        fees.graceEnds = uint64(block.timestamp) + grace;
        if (fees.total != 0) fees.token = terms.feeToken;
    }

    function _checkToken(address given, address named) private pure {
        if (named != address(0) && named != given) revert JobPermits_FeeTokenMismatch(named, given);
    }

    function _checkDatasets(Terms calldata terms, GrantTerms[] memory grants) private view {
        uint64 latest = type(uint64).max;
        for (uint256 i = 0; i < grants.length; ++i) {
            uint256 datasetId = terms.datasetIds[i];
            if (grants[i].datasetId != datasetId) {
                revert JobPermits_WrongDataset(terms.grantIds[i], grants[i].datasetId, datasetId);
            }
            uint32 version = terms.datasetVersions[i];
            bytes32 root = datasets.rootOf(datasetId, version);
            if (root == 0 || root != terms.datasetRoots[i]) {
                revert JobPermits_RootMismatch(datasetId, version, root, terms.datasetRoots[i]);
            }
            if (grants[i].expiry < latest) latest = grants[i].expiry;
        }
        if (terms.expiry <= block.timestamp || terms.expiry > latest) {
            revert JobPermits_BadExpiry(terms.expiry, uint64(block.timestamp), latest);
        }
    }

    /// @dev The first way that applies, in the order: caller, signature, grant.
    function _authorise(
        Terms calldata terms,
        GrantTerms[] memory grants,
        PermitAuthorisation memory authorisation,
        bytes[] calldata signatures
    ) private view returns (AuthorisationWay[] memory ways, address[] memory owners) {
        uint256 count = grants.length;
        ways = new AuthorisationWay[](count);
        owners = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 datasetId = terms.datasetIds[i];
            address owner = datasets.confirmedOwnerOf(datasetId);
            owners[i] = owner;
            if (owner == msg.sender) {
                ways[i] = AuthorisationWay.OwnerTransaction;
            } else if (signatures.length != 0 && signatures[i].length != 0) {
                _checkSignature(datasetId, owner, authorisation, signatures[i]);
                ways[i] = AuthorisationWay.OwnerSignature;
            } else if (grants[i].autoAuthorise) {
                ways[i] = AuthorisationWay.GrantPreAuthorised;
            } else {
                revert JobPermits_NotAuthorised(datasetId, owner);
            }
        }
    }

    function _checkSignature(
        uint256 datasetId,
        address owner,
        PermitAuthorisation memory authorisation,
        bytes calldata signature
    ) private view {
        if (block.timestamp >= authorisation.deadline) {
            revert JobPermits_SignatureExpired(authorisation.deadline, uint64(block.timestamp));
        }
        if (_cancelled[owner][authorisation.permitId]) {
            revert JobPermits_AuthorisationCancelled(owner, authorisation.permitId);
        }
        if (!SignatureChecker.isValidSignatureNow(owner, _digest(authorisation), signature)) {
            revert JobPermits_BadSignature(datasetId, owner);
        }
    }

    /// @dev The grantee, or an owner; an owner spends the grantee's money only with the grantee's proposal.
    function _checkIssuer(address grantee, bytes32 termsHash, AuthorisationWay[] memory ways, uint256 total)
        private
    {
        if (msg.sender == grantee) return;
        bool isOwner = false;
        for (uint256 i = 0; i < ways.length; ++i) {
            if (ways[i] == AuthorisationWay.OwnerTransaction) isOwner = true;
        }
        if (!isOwner) revert JobPermits_NotIssuer(msg.sender);
        if (_proposers[termsHash] == grantee) _endProposal(termsHash, grantee);
        else if (total != 0) revert JobPermits_NotProposed(termsHash, grantee);
    }

    function _endProposal(bytes32 termsHash, address grantee) private {
        delete _proposers[termsHash];
        emit JobProposalEnded(termsHash, grantee);
    }

    function _store(bytes32 permitId, bytes32 termsHash, Terms calldata terms, Fees memory fees, address author)
        private
    {
        Permit storage permit = _permits[permitId];
        permit.state = PermitState.Issued;
        permit.grantee = terms.grantee;
        permit.issuedAt = uint64(block.timestamp);
        permit.operator = terms.operator;
        permit.expiry = terms.expiry;
        permit.author = author;
        permit.graceEnds = fees.graceEnds;
        permit.feeToken = fees.token;
        permit.challengeWindow = terms.challengeWindow;
        permit.releaseWindow = terms.releaseWindow;
        permit.replicas = terms.replicas;
        permit.unreleased = uint8(terms.grantIds.length);
        permit.termsHash = termsHash;
        permit.purposeHash = terms.purposeHash;
        permit.compute = fees.compute;
        permit.authorShare = fees.author;
        permit.work = fees.work;
        for (uint256 i = 0; i < terms.grantIds.length; ++i) {
            permit.items
                .push(
                    PermitItem({
                        grantId: terms.grantIds[i],
                        datasetId: terms.datasetIds[i],
                        dataShare: fees.data[i],
                        version: terms.datasetVersions[i],
                        released: false
                    })
                );
        }
    }

    function _runQuery(Terms calldata terms, uint256 i) private view returns (Query memory q) {
        q.grantee = terms.grantee;
        q.op = ClauseRules.COMPUTE;
        q.purposeHash = terms.purposeHash;
        q.regionCode = terms.regionCode;
        q.time = uint64(block.timestamp);
        q.epsilonMicro = terms.epsilonMicro;
        q.deltaNano = terms.deltaNano;
        q.exactReleases = terms.exactReleases;
        q.version = terms.datasetVersions[i];
        q.algorithmId = terms.algorithmId;
    }

    function _digest(PermitAuthorisation memory a) private view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(PERMIT_AUTHORISATION_TYPEHASH, a.permitId, a.grantee, a.termsHash, a.nonce, a.deadline)
            )
        );
    }

    // Life

    function _checkState(bytes32 permitId, Permit storage permit, PermitState wanted) private view {
        if (permit.state != wanted) revert JobPermits_WrongState(permitId, permit.state);
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

    /// @dev Nothing moves for nothing: a deployment without fees never touches a token.
    function _credit(bytes32 permitId, address to, uint256 amount) private {
        if (amount != 0) settlement.credit(permitId, to, amount);
    }

    function _bondKey(bytes32 permitId) private pure returns (bytes32) {
        return keccak256(abi.encode("bond", permitId));
    }
}
