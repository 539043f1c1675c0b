// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {PermitTerms} from "./PermitTerms.sol";
import {Algorithm} from "../interfaces/IAlgorithmRegistry.sol";
import {IJobPermits} from "../interfaces/IJobPermits.sol";
import {GrantTerms} from "../types/GrantTypes.sol";
import {
    AuthorisationWay,
    Fees,
    Permit,
    PermitAuthorisation,
    PermitItem,
    PermitState,
    Terms
} from "../types/PermitTypes.sol";

/// @title PermitIssuing
/// @notice The way into the table: proposals, the owners' authorisation in three ways, issuing.
abstract contract PermitIssuing is PermitTerms, EIP712, ReentrancyGuardTransient {
    /// @notice EIP-712 type of an owner's authorisation.
    bytes32 public constant PERMIT_AUTHORISATION_TYPEHASH = keccak256(
        "PermitAuthorisation(bytes32 permitId,address grantee,bytes32 termsHash,uint256 nonce,uint64 deadline)"
    );

    mapping(bytes32 termsHash => address) private _proposers;
    mapping(address owner => mapping(bytes32 permitId => bool)) private _cancelled;

    constructor() EIP712("COS JobPermits", "1") {}

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
    function authorisationDigest(PermitAuthorisation calldata authorisation)
        external
        view
        override
        returns (bytes32)
    {
        return _digest(authorisation);
    }

    /// @inheritdoc IJobPermits
    function isProposed(bytes32 termsHash) external view override returns (bool) {
        return _proposers[termsHash] != address(0);
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

    function _digest(PermitAuthorisation memory a) private view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(PERMIT_AUTHORISATION_TYPEHASH, a.permitId, a.grantee, a.termsHash, a.nonce, a.deadline)
            )
        );
    }
}
