// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC5192} from "./IERC5192.sol";

/// @title IIdentitySBT
/// @notice Non-transferable identities (ERC-721 + ERC-5192). One per address, numbered from 1.
/// A token carries only a salted commitment to a decentralised identifier. Guardians may move an
/// identity to a new address after a delay; the holder may veto. Guardians recover the identity,
/// never a data key.
interface IIdentitySBT is IERC5192 {
    /// @notice The address already holds an identity.
    error IdentitySBT_AlreadyHeld(address holder, uint256 sbtId);
    /// @notice Identities do not change hands, nor can they be approved to.
    error IdentitySBT_Locked(uint256 sbtId);
    /// @notice Only the holder of the identity may do this.
    error IdentitySBT_NotHolder(uint256 sbtId, address caller);
    /// @notice Only a guardian of the identity may do this, once per target and round.
    error IdentitySBT_NotGuardian(uint256 sbtId, address caller);
    /// @notice The guardian has already approved this target.
    error IdentitySBT_AlreadyApproved(uint256 sbtId, address guardian, address to);
    /// @notice The threshold must lie between 1 and the number of distinct guardians, none of them the holder.
    error IdentitySBT_BadGuardians(uint256 guardians, uint256 threshold);
    /// @notice No recovery is scheduled.
    error IdentitySBT_NoRecovery(uint256 sbtId);
    /// @notice Another recovery of this round is already scheduled.
    error IdentitySBT_RecoveryScheduled(uint256 sbtId, address to);
    /// @notice The veto period has not ended.
    error IdentitySBT_RecoveryTooEarly(uint256 sbtId, uint64 readyAt, uint64 time);
    /// @notice A commitment must not be zero.
    error IdentitySBT_ZeroCommitment();
    /// @notice The target must not be the zero address.
    error IdentitySBT_ZeroTarget();

    /// @notice An identity was minted.
    event IdentityMinted(uint256 indexed sbtId, address indexed holder, bytes32 didCommitment);
    /// @notice The holder replaced the commitment.
    event DidCommitmentChanged(uint256 indexed sbtId, bytes32 didCommitment);
    /// @notice The holder chose guardians; approvals given before are void.
    event GuardiansSet(uint256 indexed sbtId, address[] guardians, uint8 threshold);
    /// @notice A guardian approved a move.
    event RecoveryApproved(uint256 indexed sbtId, address indexed guardian, address indexed to, uint8 approvals);
    /// @notice Enough guardians approved: from `readyAt` anyone may carry the move out.
    event RecoveryScheduled(uint256 indexed sbtId, address indexed to, uint64 readyAt);
    /// @notice The holder stopped a recovery; approvals given before are void.
    event RecoveryVetoed(uint256 indexed sbtId);
    /// @notice The identity moved.
    event IdentityRecovered(uint256 indexed sbtId, address indexed from, address indexed to);
    /// @notice The holder burned the identity.
    event IdentityBurned(uint256 indexed sbtId, address indexed holder);

    /// @notice Mints the caller's identity.
    /// @param didCommitment Salted commitment to the caller's identifier; not zero.
    /// @return sbtId The new identity's number.
    function mint(bytes32 didCommitment) external returns (uint256 sbtId);

    /// @notice Replaces the commitment. Requires the holder.
    function setDidCommitment(uint256 sbtId, bytes32 didCommitment) external;

    /// @notice Chooses the guardians; an empty list with threshold 0 removes them. Requires the holder.
    /// @param guardians Distinct addresses, at most 16, without the holder.
    /// @param threshold Approvals that schedule a recovery.
    function setGuardians(uint256 sbtId, address[] calldata guardians, uint8 threshold) external;

    /// @notice Approves moving the identity to `to`; the last needed approval schedules it.
    /// Requires a guardian and that nothing else is scheduled.
    function approveRecovery(uint256 sbtId, address to) external;

    /// @notice Stops a recovery, scheduled or not. Requires the holder.
    function vetoRecovery(uint256 sbtId) external;

    /// @notice Carries out a scheduled recovery. Anyone, once now >= readyAt.
    function executeRecovery(uint256 sbtId) external;

    /// @notice Burns the identity. Requires the holder.
    function burn(uint256 sbtId) external;

    /// @notice The identity of `holder`, 0 if it has none.
    function sbtOf(address holder) external view returns (uint256);

    /// @notice The holder of an identity, the zero address if it does not exist (any more).
    function holderOf(uint256 sbtId) external view returns (address);

    /// @notice Whether a recovery has moved `sbtId` away from `account`.
    function movedFrom(uint256 sbtId, address account) external view returns (bool);

    /// @notice The commitment of an identity, 0 if it does not exist.
    function didCommitmentOf(uint256 sbtId) external view returns (bytes32);

    /// @notice Guardians and threshold of an identity.
    function guardiansOf(uint256 sbtId) external view returns (address[] memory guardians, uint8 threshold);

    /// @notice The scheduled recovery: target and the first second at which it may be carried out, else zeros.
    function recoveryOf(uint256 sbtId) external view returns (address to, uint64 readyAt);

    /// @notice Seconds between scheduling and carrying out a recovery.
    function recoveryDelay() external view returns (uint64);
}
