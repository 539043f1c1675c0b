// SPDX-License-Identifier: CC0-1.0
pragma solidity ^0.8.28;

/// @title IERC5192
/// @notice Minimal soulbound token, as in ERC-5192.
interface IERC5192 {
    /// @notice A token became non-transferable.
    event Locked(uint256 tokenId);

    /// @notice A token became transferable.
    event Unlocked(uint256 tokenId);

    /// @notice Whether a token is locked. Reverts for a token that does not exist.
    function locked(uint256 tokenId) external view returns (bool);
}
