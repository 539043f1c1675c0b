// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Roles
/// @notice Names of the separate keys of a deployment. One holder per role in production.
library Roles {
    /// @notice The administrator (`DEFAULT_ADMIN_ROLE`): a timelock in production.
    bytes32 internal constant ADMIN = 0x00;
    /// @notice Operators of computation: named in permits, post and fail results, are paid the compute share.
    bytes32 internal constant SETTLER = keccak256("SETTLER");
    /// @notice Writers of the usage log.
    bytes32 internal constant USAGE = keccak256("USAGE");
    /// @notice Attests regions of gateways and operators.
    bytes32 internal constant ORACLE = keccak256("ORACLE");
    /// @notice Rules on challenged results.
    bytes32 internal constant ARBITER = keccak256("ARBITER");
    /// @notice Stops issuing.
    bytes32 internal constant PAUSER = keccak256("PAUSER");
    /// @notice Approves programs.
    bytes32 internal constant CURATOR = keccak256("CURATOR");
    /// @notice Workers whose matching replicas may shorten the challenge window.
    bytes32 internal constant WORKER = keccak256("WORKER");
    /// @notice Held by `JobPermits` contracts only: reserves runs and locks fees.
    bytes32 internal constant PERMITS = keccak256("PERMITS");
    /// @notice Mints the development fee token.
    bytes32 internal constant MINTER = keccak256("MINTER");
}
