// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Authority
/// @notice The roles and the pause switch of one deployment.
contract Authority is IAuthority, AccessControlDefaultAdminRules, Pausable {
    /// @param adminDelay Seconds that a change of administrator waits.
    /// @param admin First administrator: a timelock in production.
    constructor(uint48 adminDelay, address admin) AccessControlDefaultAdminRules(adminDelay, admin) {}

    /// @inheritdoc IAuthority
    function pause() external override onlyRole(Roles.PAUSER) {
        _pause();
    }

    /// @inheritdoc IAuthority
    function unpause() external override onlyRole(Roles.ADMIN) {
        _unpause();
    }

    /// @inheritdoc IAuthority
    function hasRole(bytes32 role, address account)
        public
        view
        override(IAuthority, IAccessControl, AccessControl)
        returns (bool)
    {
        return super.hasRole(role, account);
    }

    /// @inheritdoc IAuthority
    function paused() public view override(IAuthority, Pausable) returns (bool) {
        return super.paused();
    }
}
