// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAuthority} from "./interfaces/IAuthority.sol";

/// @title Guarded
/// @notice Asks the deployment's authority for roles and for the pause switch.
abstract contract Guarded {
    /// @notice The authority of this deployment.
    IAuthority public immutable authority;

    constructor(IAuthority authority_) {
        authority = authority_;
    }

    /// @dev Only an account with `role`.
    modifier onlyRole(bytes32 role) {
        _checkRole(role);
        _;
    }

    /// @dev Only while issuing is not paused.
    modifier whenIssuing() {
        if (authority.paused()) revert IAuthority.Authority_Paused();
        _;
    }

    function _checkRole(bytes32 role) internal view {
        if (!authority.hasRole(role, msg.sender)) revert IAuthority.Authority_MissingRole(msg.sender, role);
    }
}
