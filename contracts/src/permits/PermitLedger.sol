// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guarded} from "../Guarded.sol";
import {IAccessACL} from "../interfaces/IAccessACL.sol";
import {IAlgorithmRegistry} from "../interfaces/IAlgorithmRegistry.sol";
import {IAuthority} from "../interfaces/IAuthority.sol";
import {IDatasetRegistry} from "../interfaces/IDatasetRegistry.sol";
import {IJobPermits} from "../interfaces/IJobPermits.sol";
import {IRegionOracle} from "../interfaces/IRegionOracle.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {IUsageLog} from "../interfaces/IUsageLog.sol";
import {Permit, PermitState} from "../types/PermitTypes.sol";

/// @title PermitLedger
/// @notice The permits themselves, and the contracts that they are bound to. First part of {IJobPermits}.
abstract contract PermitLedger is IJobPermits, Guarded {
    /// @notice The contracts that a deployment wires in, and its rules for challenges.
    struct Config {
        IAuthority authority;
        IAccessACL acl;
        IDatasetRegistry datasets;
        IAlgorithmRegistry algorithms;
        ISettlement settlement;
        IUsageLog usageLog;
        IRegionOracle regions;
        address bondToken; // 0 without a bond
        uint256 bondAmount;
        uint32 rulingWindow; // seconds, at least 1
    }

    /// @notice Grants, their clauses and reservations.
    IAccessACL public immutable acl;
    /// @notice Datasets and their owners.
    IDatasetRegistry public immutable datasets;
    /// @notice Programs.
    IAlgorithmRegistry public immutable algorithms;
    /// @notice The money.
    ISettlement public immutable settlement;
    /// @notice The audit of uses.
    IUsageLog public immutable usageLog;
    /// @notice Attested regions of operators.
    IRegionOracle public immutable regions;
    /// @inheritdoc IJobPermits
    uint32 public immutable override rulingWindow;

    address internal immutable _bondToken;
    uint256 internal immutable _bondAmount;

    mapping(bytes32 permitId => Permit) internal _permits;

    /// @notice The bond needs a token and an amount or neither, and a ruling some time.
    error JobPermits_BadConfig();

    constructor(Config memory config) Guarded(config.authority) {
        if ((config.bondToken == address(0)) != (config.bondAmount == 0) || config.rulingWindow == 0) {
            revert JobPermits_BadConfig();
        }
        acl = config.acl;
        datasets = config.datasets;
        algorithms = config.algorithms;
        settlement = config.settlement;
        usageLog = config.usageLog;
        regions = config.regions;
        rulingWindow = config.rulingWindow;
        _bondToken = config.bondToken;
        _bondAmount = config.bondAmount;
    }

    /// @inheritdoc IJobPermits
    function permitOf(bytes32 permitId) external view override returns (Permit memory) {
        return _permits[permitId];
    }

    /// @inheritdoc IJobPermits
    function stateOf(bytes32 permitId) external view override returns (PermitState) {
        return _permits[permitId].state;
    }

    /// @inheritdoc IJobPermits
    function bond() external view override returns (address token, uint256 amount) {
        return (_bondToken, _bondAmount);
    }

    function _checkState(bytes32 permitId, Permit storage permit, PermitState wanted) internal view {
        if (permit.state != wanted) revert JobPermits_WrongState(permitId, permit.state);
    }

    /// @dev Nothing moves for nothing: a deployment without fees never touches a token.
    function _credit(bytes32 permitId, address to, uint256 amount) internal {
        if (amount != 0) settlement.credit(permitId, to, amount);
    }
}
