// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @notice Whether a dataset can be used. `Withdrawn` is final.
enum DatasetStatus {
    None,
    Active,
    Paused,
    Withdrawn
}

/// @notice Why a version exists. `Withdraw` and `Consent` bar every earlier version.
enum VersionReason {
    None,
    Initial,
    Append,
    Correct,
    Withdraw,
    Consent
}

/// @notice One version of a dataset. `n` counts from 1, `parent` is the version before it (0 for the first),
/// `effectiveAt` is the time of the block that carried it.
struct DatasetVersion {
    uint32 n;
    uint32 parent;
    VersionReason reason;
    uint64 effectiveAt;
    bytes32 manifestCommitment;
    string uri;
}

/// @notice A dataset. `ownerSbt` is the identity that holds the key; versions below `barrierVersion` are barred.
struct Dataset {
    uint256 ownerSbt;
    bytes32 contextDigest;
    bytes32 regionCode;
    DatasetStatus status;
    bool transferPending;
    uint32 latestVersion;
    uint32 barrierVersion;
    bytes32[] dataUseCodes;
}

/// @title IDatasetRegistry
/// @notice Datasets as ERC-721 tokens, numbered from 1. `ownerOf` grants access; the identity `ownerSbt` holds the
/// key. A transfer suspends every grant until the new owner confirms with its own identity.
interface IDatasetRegistry is IERC721 {
    /// @notice The caller needs a live identity.
    error DatasetRegistry_NoIdentity(address caller);
    /// @notice Only the dataset's owner may do this.
    error DatasetRegistry_NotOwner(uint256 datasetId, address caller);
    /// @notice The dataset does not exist.
    error DatasetRegistry_Unknown(uint256 datasetId);
    /// @notice The version does not exist.
    error DatasetRegistry_UnknownVersion(uint256 datasetId, uint32 version);
    /// @notice A dataset once withdrawn stays so.
    error DatasetRegistry_Withdrawn(uint256 datasetId);
    /// @notice The new owner has not confirmed the transfer.
    error DatasetRegistry_TransferPending(uint256 datasetId);
    /// @notice There is no transfer to confirm.
    error DatasetRegistry_NothingPending(uint256 datasetId);
    /// @notice Commitments and context digests must not be zero.
    error DatasetRegistry_ZeroDigest();
    /// @notice A later version is one of append, correct, withdraw, consent.
    error DatasetRegistry_BadReason(VersionReason reason);
    /// @notice Only `Active` and `Paused` are set; withdrawing has its own call.
    error DatasetRegistry_BadStatus(DatasetStatus status);
    /// @notice The owner's identity was not moved away from the token's present owner.
    error DatasetRegistry_NotRecovered(uint256 datasetId, address owner);
    /// @notice At most 32 data-use codes.
    error DatasetRegistry_TooManyCodes(uint256 count);

    /// @notice A dataset was registered, with version 1.
    event DatasetRegistered(
        uint256 indexed datasetId,
        address indexed owner,
        uint256 indexed ownerSbt,
        bytes32 manifestCommitment,
        bytes32 contextDigest,
        bytes32 regionCode,
        bytes32[] dataUseCodes,
        string uri
    );
    /// @notice A version superseded its parent. The first version is logged too.
    event DatasetVersionPublished(
        uint256 indexed datasetId,
        uint32 indexed version,
        uint32 parent,
        VersionReason reason,
        uint64 effectiveAt,
        bytes32 manifestCommitment,
        string uri
    );
    /// @notice The status changed.
    event DatasetStatusChanged(uint256 indexed datasetId, DatasetStatus status);
    /// @notice The token changed hands: grants are suspended.
    event DatasetTransferPending(uint256 indexed datasetId, address indexed from, address indexed to);
    /// @notice The owner confirmed: grants live again.
    event DatasetOwnershipConfirmed(uint256 indexed datasetId, address indexed owner, uint256 indexed ownerSbt);

    /// @notice Registers a dataset and its version 1.
    /// @param manifestCommitment Merkle root over block digests and manifest.
    /// @param contextDigest Digest of the encryption context.
    /// @param dataUseCodes GA4GH DUO codes, each left-aligned ASCII in 32 bytes; at most 32.
    /// @param uri Where the manifest is.
    /// @param regionCode Region that the data must not leave, left-aligned ASCII; 0 for any.
    /// @return datasetId The new dataset's number.
    function register(
        bytes32 manifestCommitment,
        bytes32 contextDigest,
        bytes32[] calldata dataUseCodes,
        string calldata uri,
        bytes32 regionCode
    ) external returns (uint256 datasetId);

    /// @notice Publishes the next version. Requires the confirmed owner and a dataset that is not withdrawn.
    /// @param reason append, correct, withdraw or consent; the last two bar every earlier version.
    /// @return version The new version's number.
    function publishVersion(
        uint256 datasetId,
        VersionReason reason,
        bytes32 manifestCommitment,
        string calldata uri
    ) external returns (uint32 version);

    /// @notice Pauses or resumes a dataset. Requires the owner.
    function setStatus(uint256 datasetId, DatasetStatus status) external;

    /// @notice Withdraws a whole dataset, for good. Requires the owner.
    function withdrawDataset(uint256 datasetId) external;

    /// @notice Confirms a transfer: the caller's identity now holds the key. Requires the owner, with an identity.
    function confirmOwnership(uint256 datasetId) external;

    /// @notice Moves a dataset after its owner's identity, when guardians recovered that to another address.
    /// Anyone may call; the token goes to the identity's present holder and needs no confirmation.
    function followRecovery(uint256 datasetId) external;

    /// @notice The dataset. Reverts if unknown.
    function datasetOf(uint256 datasetId) external view returns (Dataset memory);

    /// @notice One version. Reverts if unknown.
    function versionOf(uint256 datasetId, uint32 version) external view returns (DatasetVersion memory);

    /// @notice The manifest commitment of a version, 0 if unknown.
    function rootOf(uint256 datasetId, uint32 version) external view returns (bytes32);

    /// @notice Whether grants on the dataset are live: active, no transfer pending, and the owner's identity
    /// is with the owner. False if unknown.
    function isLive(uint256 datasetId) external view returns (bool);

    /// @notice Latest version, and the first one that is not barred; zeros if unknown.
    function versionBounds(uint256 datasetId) external view returns (uint32 latest, uint32 barrier);

    /// @notice Whether withdrawal or consent bars releases from this version.
    function isBarred(uint256 datasetId, uint32 version) external view returns (bool);

    /// @notice The owner whose transfer, if any, is confirmed; the zero address otherwise.
    function confirmedOwnerOf(uint256 datasetId) external view returns (address);
}
