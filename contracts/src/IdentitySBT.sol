// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC5192} from "./interfaces/IERC5192.sol";
import {IIdentitySBT} from "./interfaces/IIdentitySBT.sol";

/// @title IdentitySBT
/// @notice See {IIdentitySBT}. No role has power over an identity.
contract IdentitySBT is ERC721, IIdentitySBT {
    uint256 private constant MAX_GUARDIANS = 16;

    struct Guardianship {
        address[] guardians;
        uint8 threshold;
        uint32 round; // approvals belong to a round; a veto or a change of guardians opens the next
    }

    struct Recovery {
        address to;
        uint64 readyAt;
    }

    /// @inheritdoc IIdentitySBT
    uint64 public immutable override recoveryDelay;

    uint256 private _lastId;
    mapping(address holder => uint256) private _sbtOf;
    mapping(uint256 sbtId => bytes32) private _didCommitments;
    mapping(uint256 sbtId => Guardianship) private _guardianships;
    mapping(uint256 sbtId => Recovery) private _recoveries;
    mapping(uint256 sbtId => mapping(address account => bool)) private _movedFrom;
    mapping(bytes32 roundAndTarget => uint8) private _approvals;
    mapping(bytes32 roundAndTarget => mapping(address guardian => bool)) private _approvedBy;

    /// @param recoveryDelay_ Seconds in which a holder may veto a recovery.
    constructor(uint64 recoveryDelay_) ERC721("COS identity", "COSID") {
        recoveryDelay = recoveryDelay_;
    }

    modifier onlyHolder(uint256 sbtId) {
        if (_ownerOf(sbtId) != msg.sender) revert IdentitySBT_NotHolder(sbtId, msg.sender);
        _;
    }

    /// @inheritdoc IIdentitySBT
    function mint(bytes32 didCommitment) external override returns (uint256 sbtId) {
        // Check: one identity per address, and a commitment to anchor it.
        if (_sbtOf[msg.sender] != 0) revert IdentitySBT_AlreadyHeld(msg.sender, _sbtOf[msg.sender]);
        if (didCommitment == 0) revert IdentitySBT_ZeroCommitment();

        // Effect: `_mint`, not `_safeMint`: the caller is the receiver and calls nothing back.
        sbtId = ++_lastId;
        _sbtOf[msg.sender] = sbtId;
        _didCommitments[sbtId] = didCommitment;
        _mint(msg.sender, sbtId);
        emit Locked(sbtId);
        emit IdentityMinted(sbtId, msg.sender, didCommitment);
    }

    /// @inheritdoc IIdentitySBT
    function setDidCommitment(uint256 sbtId, bytes32 didCommitment) external override onlyHolder(sbtId) {
        if (didCommitment == 0) revert IdentitySBT_ZeroCommitment();
        _didCommitments[sbtId] = didCommitment;
        emit DidCommitmentChanged(sbtId, didCommitment);
    }

    /// @inheritdoc IIdentitySBT
    function setGuardians(uint256 sbtId, address[] calldata guardians, uint8 threshold)
        external
        override
        onlyHolder(sbtId)
    {
        // Check: a threshold that can be reached by distinct guardians; or none at all.
        uint256 count = guardians.length;
        bool none = count == 0 && threshold == 0;
        if (!none && (threshold == 0 || threshold > count || count > MAX_GUARDIANS)) {
            revert IdentitySBT_BadGuardians(count, threshold);
        }
        for (uint256 i = 0; i < count; ++i) {
            if (guardians[i] == address(0) || guardians[i] == msg.sender) {
                revert IdentitySBT_BadGuardians(count, threshold);
            }
            for (uint256 j = 0; j < i; ++j) {
                if (guardians[i] == guardians[j]) revert IdentitySBT_BadGuardians(count, threshold);
            }
        }

        // Effect: earlier approvals die with the round.
        Guardianship storage guardianship = _guardianships[sbtId];
        guardianship.guardians = guardians;
        guardianship.threshold = threshold;
        _nextRound(sbtId);
        emit GuardiansSet(sbtId, guardians, threshold);
    }

    /// @inheritdoc IIdentitySBT
    function approveRecovery(uint256 sbtId, address to) external override {
        Guardianship storage guardianship = _guardianships[sbtId];

        // Check: a guardian of a living identity, a usable target, nothing scheduled, no double vote.
        if (_ownerOf(sbtId) == address(0) || !_isGuardian(guardianship, msg.sender)) {
            revert IdentitySBT_NotGuardian(sbtId, msg.sender);
        }
        if (to == address(0)) revert IdentitySBT_ZeroTarget();
        if (_sbtOf[to] != 0) revert IdentitySBT_AlreadyHeld(to, _sbtOf[to]);
        address scheduled = _recoveries[sbtId].to;
        if (scheduled != address(0)) revert IdentitySBT_RecoveryScheduled(sbtId, scheduled);
        bytes32 key = keccak256(abi.encode(sbtId, guardianship.round, to));
        if (_approvedBy[key][msg.sender]) revert IdentitySBT_AlreadyApproved(sbtId, msg.sender, to);

        // Effect: approvals are counted per target, so that one guardian cannot block the others.
        _approvedBy[key][msg.sender] = true;
        uint8 approvals = ++_approvals[key];
        emit RecoveryApproved(sbtId, msg.sender, to, approvals);
        if (approvals >= guardianship.threshold) {
            uint64 readyAt = uint64(block.timestamp) + recoveryDelay;
            _recoveries[sbtId] = Recovery({to: to, readyAt: readyAt});
            emit RecoveryScheduled(sbtId, to, readyAt);
        }
    }

    /// @inheritdoc IIdentitySBT
    function vetoRecovery(uint256 sbtId) external override onlyHolder(sbtId) {
        _nextRound(sbtId);
        emit RecoveryVetoed(sbtId);
    }

    /// @inheritdoc IIdentitySBT
    function executeRecovery(uint256 sbtId) external override {
        Recovery memory recovery = _recoveries[sbtId];

        // Check: scheduled, past the veto period, the target still without an identity.
        if (recovery.to == address(0)) revert IdentitySBT_NoRecovery(sbtId);
        if (block.timestamp < recovery.readyAt) {
            revert IdentitySBT_RecoveryTooEarly(sbtId, recovery.readyAt, uint64(block.timestamp));
        }
        if (_sbtOf[recovery.to] != 0) revert IdentitySBT_AlreadyHeld(recovery.to, _sbtOf[recovery.to]);

        // Effect: the one way around the lock in `_update`. Guardians stay; the round ends.
        address from = _ownerOf(sbtId);
        _nextRound(sbtId);
        _movedFrom[sbtId][from] = true;
        delete _sbtOf[from];
        _sbtOf[recovery.to] = sbtId;
        super._update(recovery.to, sbtId, address(0));
        emit IdentityRecovered(sbtId, from, recovery.to);
    }

    /// @inheritdoc IIdentitySBT
    function burn(uint256 sbtId) external override onlyHolder(sbtId) {
        delete _sbtOf[msg.sender];
        delete _didCommitments[sbtId];
        delete _guardianships[sbtId].guardians;
        _guardianships[sbtId].threshold = 0;
        _nextRound(sbtId);
        _burn(sbtId);
        emit IdentityBurned(sbtId, msg.sender);
    }

    /// @notice Identities cannot be approved to anyone: always reverts.
    function approve(address, uint256 sbtId) public pure override {
        revert IdentitySBT_Locked(sbtId);
    }

    /// @notice Identities cannot be approved to anyone: always reverts.
    function setApprovalForAll(address, bool) public pure override {
        revert IdentitySBT_Locked(0);
    }

    /// @inheritdoc IIdentitySBT
    function sbtOf(address holder) external view override returns (uint256) {
        return _sbtOf[holder];
    }

    /// @inheritdoc IIdentitySBT
    function holderOf(uint256 sbtId) external view override returns (address) {
        return _ownerOf(sbtId);
    }

    /// @inheritdoc IIdentitySBT
    function movedFrom(uint256 sbtId, address account) external view override returns (bool) {
        return _movedFrom[sbtId][account];
    }

    /// @inheritdoc IIdentitySBT
    function didCommitmentOf(uint256 sbtId) external view override returns (bytes32) {
        return _didCommitments[sbtId];
    }

    /// @inheritdoc IIdentitySBT
    function guardiansOf(uint256 sbtId)
        external
        view
        override
        returns (address[] memory guardians, uint8 threshold)
    {
        Guardianship storage guardianship = _guardianships[sbtId];
        return (guardianship.guardians, guardianship.threshold);
    }

    /// @inheritdoc IIdentitySBT
    function recoveryOf(uint256 sbtId) external view override returns (address to, uint64 readyAt) {
        Recovery memory recovery = _recoveries[sbtId];
        return (recovery.to, recovery.readyAt);
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view override returns (bool) {
        _requireOwned(tokenId);
        return true;
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IERC5192).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @dev Lets minting and burning through, nothing else.
    function _update(address to, uint256 sbtId, address auth) internal override returns (address from) {
        if (_ownerOf(sbtId) != address(0) && to != address(0)) revert IdentitySBT_Locked(sbtId);
        return super._update(to, sbtId, auth);
    }

    function _nextRound(uint256 sbtId) private {
        ++_guardianships[sbtId].round;
        delete _recoveries[sbtId];
    }

    function _isGuardian(Guardianship storage guardianship, address account) private view returns (bool) {
        uint256 count = guardianship.guardians.length;
        for (uint256 i = 0; i < count; ++i) {
            if (guardianship.guardians[i] == account) return true;
        }
        return false;
    }
}
