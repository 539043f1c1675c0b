// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PermitLedger} from "./PermitLedger.sol";
import {Algorithm, AlgorithmState} from "../interfaces/IAlgorithmRegistry.sol";
import {IJobPermits} from "../interfaces/IJobPermits.sol";
import {ClauseRules} from "../libraries/ClauseRules.sol";
import {Roles} from "../libraries/Roles.sol";
import {GrantTerms, Query} from "../types/GrantTypes.sol";
import {Fees, Terms} from "../types/PermitTypes.sol";

/// @title PermitTerms
/// @notice Whether terms are well formed, what they ask of each grant, and what they cost.
abstract contract PermitTerms is PermitLedger {
    uint256 private constant MAX_DATASETS = 16;
    uint256 private constant FULL_BPS = 10_000;
    uint32 private constant MAX_CHALLENGE_WINDOW = 30 days;
    uint32 private constant MAX_RELEASE_WINDOW = 366 days;

    /// @inheritdoc IJobPermits
    function quote(Terms calldata terms) external view override returns (Fees memory fees) {
        _checkShape(terms, 0);
        (fees,) = _price(terms, _approvedAlgorithm(terms.algorithmId));
    }

    /// @inheritdoc IJobPermits
    function permitIdOf(address issuer, uint256 nonce, bytes32 termsHash) public view override returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), issuer, nonce, termsHash));
    }

    /// @inheritdoc IJobPermits
    function termsHashOf(Terms calldata terms) public pure override returns (bytes32) {
        return keccak256(abi.encode(terms));
    }

    function _checkShape(Terms calldata terms, uint256 signatures) internal pure {
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

    function _checkOperator(Terms calldata terms) internal view {
        address operator = terms.operator;
        if (!authority.hasRole(Roles.SETTLER, operator)) revert JobPermits_BadOperator(operator);
        if (terms.regionCode != 0 && !regions.isIn(operator, terms.regionCode, uint64(block.timestamp))) {
            revert JobPermits_OperatorOutsideRegion(operator, terms.regionCode);
        }
    }

    function _approvedAlgorithm(bytes32 algorithmId) internal view returns (Algorithm memory) {
        if (algorithms.stateOf(algorithmId) != AlgorithmState.Approved) {
            revert JobPermits_AlgorithmNotApproved(algorithmId);
        }
        return algorithms.algorithmOf(algorithmId);
    }

    /// @dev Shares of each grant's fee are rounded down for operator and author; the data share is the rest.
    function _price(Terms calldata terms, Algorithm memory algorithm)
        internal
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

    function _checkDatasets(Terms calldata terms, GrantTerms[] memory grants) internal view {
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

    function _runQuery(Terms calldata terms, uint256 i) internal view returns (Query memory q) {
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
}
