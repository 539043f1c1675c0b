// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IAuthority
/// @notice Who holds which role, and whether issuing is paused, for all contracts of a deployment.
/// @dev Roles are OpenZeppelin AccessControl roles; the administrator changes only after a delay.
interface IAuthority {
    /// @notice An account lacks the role that a call needs.
    error Authority_MissingRole(address account, bytes32 role);

    /// @notice New requests, grants, ticket sessions and permits are stopped. Exits never are.
    error Authority_Paused();

    /// @notice Whether `account` holds `role`.
    function hasRole(bytes32 role, address account) external view returns (bool);

    /// @notice Whether issuing is stopped.
    function paused() external view returns (bool);

    /// @notice Stops issuing. Requires the PAUSER role.
    function pause() external;

    /// @notice Resumes issuing. Requires the administrator.
    function unpause() external;
}
