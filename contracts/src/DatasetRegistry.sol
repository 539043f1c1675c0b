// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {
    Dataset,
    DatasetStatus,
    DatasetVersion,
    IDatasetRegistry,
    VersionReason
} from "./interfaces/IDatasetRegistry.sol";
import {IIdentitySBT} from "./interfaces/IIdentitySBT.sol";

/// @title DatasetRegistry
/// @notice See {IDatasetRegistry}. No role has power over a dataset.
contract DatasetRegistry is ERC721, IDatasetRegistry {
    uint256 private constant MAX_CODES = 32;

    /// @notice Identities of owners.
    IIdentitySBT public immutable identity;

    uint256 private _lastId;
    mapping(uint256 datasetId => Dataset) private _datasets;
    mapping(uint256 datasetId => mapping(uint32 version => DatasetVersion)) private _versions;

    constructor(IIdentitySBT identity_) ERC721("COS dataset", "COSDS") {
        identity = identity_;
    }

    modifier onlyOwner(uint256 datasetId) {
        if (_ownerOf(datasetId) != msg.sender) revert DatasetRegistry_NotOwner(datasetId, msg.sender);
        _;
    }

    /// @inheritdoc IDatasetRegistry
    function register(
        bytes32 manifestCommitment,
        bytes32 contextDigest,
        bytes32[] calldata dataUseCodes,
        string calldata uri,
        bytes32 regionCode
    ) external override returns (uint256 datasetId) {
        // Check: an identity to anchor the key, and digests to anchor the data.
        uint256 ownerSbt = _requireIdentity();
        if (manifestCommitment == 0 || contextDigest == 0) revert DatasetRegistry_ZeroDigest();
        if (dataUseCodes.length > MAX_CODES) revert DatasetRegistry_TooManyCodes(dataUseCodes.length);

        // Effect
        datasetId = ++_lastId;
        Dataset storage dataset = _datasets[datasetId];
        dataset.ownerSbt = ownerSbt;
        dataset.contextDigest = contextDigest;
        dataset.regionCode = regionCode;
        dataset.status = DatasetStatus.Active;
        dataset.dataUseCodes = dataUseCodes;
        _mint(msg.sender, datasetId);
        emit DatasetRegistered(
            datasetId, msg.sender, ownerSbt, manifestCommitment, contextDigest, regionCode, dataUseCodes, uri
        );
        _publish(datasetId, VersionReason.Initial, manifestCommitment, uri);
    }

    /// @inheritdoc IDatasetRegistry
    function publishVersion(
        uint256 datasetId,
        VersionReason reason,
        bytes32 manifestCommitment,
        string calldata uri
    ) external override onlyOwner(datasetId) returns (uint32 version) {
        // Check
        Dataset storage dataset = _datasets[datasetId];
        if (dataset.status == DatasetStatus.Withdrawn) revert DatasetRegistry_Withdrawn(datasetId);
        if (dataset.transferPending) revert DatasetRegistry_TransferPending(datasetId);
        if (manifestCommitment == 0) revert DatasetRegistry_ZeroDigest();
        if (reason < VersionReason.Append) revert DatasetRegistry_BadReason(reason);

        // Effect
        return _publish(datasetId, reason, manifestCommitment, uri);
    }

    /// @inheritdoc IDatasetRegistry
    function setStatus(uint256 datasetId, DatasetStatus status) external override onlyOwner(datasetId) {
        Dataset storage dataset = _datasets[datasetId];
        if (dataset.status == DatasetStatus.Withdrawn) revert DatasetRegistry_Withdrawn(datasetId);
        if (status != DatasetStatus.Active && status != DatasetStatus.Paused) {
            revert DatasetRegistry_BadStatus(status);
        }
        dataset.status = status;
        emit DatasetStatusChanged(datasetId, status);
    }

    /// @inheritdoc IDatasetRegistry
    function withdrawDataset(uint256 datasetId) external override onlyOwner(datasetId) {
        Dataset storage dataset = _datasets[datasetId];
        if (dataset.status == DatasetStatus.Withdrawn) revert DatasetRegistry_Withdrawn(datasetId);
        dataset.status = DatasetStatus.Withdrawn;
        emit DatasetStatusChanged(datasetId, DatasetStatus.Withdrawn);
    }

    /// @inheritdoc IDatasetRegistry
    function confirmOwnership(uint256 datasetId) external override onlyOwner(datasetId) {
        Dataset storage dataset = _datasets[datasetId];
        if (!dataset.transferPending) revert DatasetRegistry_NothingPending(datasetId);
        uint256 ownerSbt = _requireIdentity();

        dataset.transferPending = false;
        dataset.ownerSbt = ownerSbt;
        emit DatasetOwnershipConfirmed(datasetId, msg.sender, ownerSbt);
    }

    /// @inheritdoc IDatasetRegistry
    function followRecovery(uint256 datasetId) external override {
        // Check: a confirmed owner whose identity guardians have moved elsewhere. A sold dataset is not taken back.
        address owner = _ownerOf(datasetId);
        if (owner == address(0)) revert DatasetRegistry_Unknown(datasetId);
        Dataset storage dataset = _datasets[datasetId];
        if (dataset.transferPending) revert DatasetRegistry_TransferPending(datasetId);
        address holder = identity.holderOf(dataset.ownerSbt);
        if (holder == address(0) || holder == owner || !identity.movedFrom(dataset.ownerSbt, owner)) {
            revert DatasetRegistry_NotRecovered(datasetId, owner);
        }

        // Effect: the same identity keeps the key, so nothing is pending.
        _update(holder, datasetId, address(0));
        dataset.transferPending = false;
        emit DatasetOwnershipConfirmed(datasetId, holder, dataset.ownerSbt);
    }

    /// @inheritdoc IDatasetRegistry
    function datasetOf(uint256 datasetId) external view override returns (Dataset memory) {
        if (_ownerOf(datasetId) == address(0)) revert DatasetRegistry_Unknown(datasetId);
        return _datasets[datasetId];
    }

    /// @inheritdoc IDatasetRegistry
    function versionOf(uint256 datasetId, uint32 version) external view override returns (DatasetVersion memory) {
        DatasetVersion memory found = _versions[datasetId][version];
        if (found.n == 0) revert DatasetRegistry_UnknownVersion(datasetId, version);
        return found;
    }

    /// @inheritdoc IDatasetRegistry
    function rootOf(uint256 datasetId, uint32 version) external view override returns (bytes32) {
        return _versions[datasetId][version].manifestCommitment;
    }

    /// @inheritdoc IDatasetRegistry
    function isLive(uint256 datasetId) external view override returns (bool) {
        address owner = _ownerOf(datasetId);
        if (owner == address(0)) return false;
        Dataset storage dataset = _datasets[datasetId];
        return dataset.status == DatasetStatus.Active && !dataset.transferPending
            && identity.holderOf(dataset.ownerSbt) == owner;
    }

    /// @inheritdoc IDatasetRegistry
    function versionBounds(uint256 datasetId) external view override returns (uint32 latest, uint32 barrier) {
        Dataset storage dataset = _datasets[datasetId];
        return (dataset.latestVersion, dataset.barrierVersion);
    }

    /// @inheritdoc IDatasetRegistry
    function isBarred(uint256 datasetId, uint32 version) external view override returns (bool) {
        Dataset storage dataset = _datasets[datasetId];
        return dataset.status == DatasetStatus.Withdrawn || version < dataset.barrierVersion;
    }

    /// @inheritdoc IDatasetRegistry
    function confirmedOwnerOf(uint256 datasetId) external view override returns (address) {
        return _datasets[datasetId].transferPending ? address(0) : _ownerOf(datasetId);
    }

    /// @notice The latest manifest's location (ERC-721 metadata).
    function tokenURI(uint256 datasetId) public view override returns (string memory) {
        _requireOwned(datasetId);
        return _versions[datasetId][_datasets[datasetId].latestVersion].uri;
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return super.supportsInterface(interfaceId);
    }

    /// @dev A change of hands suspends grants until `confirmOwnership`.
    function _update(address to, uint256 datasetId, address auth) internal override returns (address from) {
        from = super._update(to, datasetId, auth);
        if (from != address(0) && from != to) {
            _datasets[datasetId].transferPending = true;
            emit DatasetTransferPending(datasetId, from, to);
        }
    }

    function _publish(uint256 datasetId, VersionReason reason, bytes32 manifestCommitment, string calldata uri)
        private
        returns (uint32 n)
    {
        Dataset storage dataset = _datasets[datasetId];
        uint32 parent = dataset.latestVersion;
        n = parent + 1;
        uint64 effectiveAt = uint64(block.timestamp);
        dataset.latestVersion = n;
        if (reason == VersionReason.Withdraw || reason == VersionReason.Consent) dataset.barrierVersion = n;
        _versions[datasetId][n] = DatasetVersion({
            n: n,
            parent: parent,
            reason: reason,
            effectiveAt: effectiveAt,
            manifestCommitment: manifestCommitment,
            uri: uri
        });
        emit DatasetVersionPublished(datasetId, n, parent, reason, effectiveAt, manifestCommitment, uri);
    }

    function _requireIdentity() private view returns (uint256 sbtId) {
        sbtId = identity.sbtOf(msg.sender);
        if (sbtId == 0) revert DatasetRegistry_NoIdentity(msg.sender);
    }
}
