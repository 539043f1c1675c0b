// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "./Vm.sol";
import {IAccessACL} from "../src/interfaces/IAccessACL.sol";
import {IAlgorithmRegistry} from "../src/interfaces/IAlgorithmRegistry.sol";
import {IDatasetRegistry} from "../src/interfaces/IDatasetRegistry.sol";
import {IIdentitySBT} from "../src/interfaces/IIdentitySBT.sol";
import {IJobPermits} from "../src/interfaces/IJobPermits.sol";
import {IRegionOracle} from "../src/interfaces/IRegionOracle.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {IUsageLog} from "../src/interfaces/IUsageLog.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Authority} from "../src/Authority.sol";
import {ContractRegistry} from "../src/ContractRegistry.sol";
import {CreditToken} from "../src/CreditToken.sol";

/// @notice What a deployment chooses.
struct DeploymentConfig {
    address admin; // must be the sender: it grants roles to contracts; hand over to a timelock afterwards
    uint48 adminDelay; // seconds
    uint64 recoveryDelay; // seconds
    uint32 rulingWindow; // seconds
    bool bondInCredits; // whether challenges need a bond in the development token
    uint256 bondAmount; // 0 without a bond
}

/// @notice The contracts of one deployment.
struct Contracts {
    Authority authority;
    IIdentitySBT identity;
    IDatasetRegistry datasets;
    IRegionOracle regions;
    IUsageLog usageLog;
    IAlgorithmRegistry algorithms;
    ISettlement settlement;
    IAccessACL acl;
    IJobPermits permits;
    ContractRegistry registry;
    CreditToken credits;
}

/// @title Deployment
/// @notice The order of deployment and the wiring, for the script and for every test.
library Deployment {
    /// @notice Deploys all contracts, wires the roles that contracts hold, allows the credit token and publishes
    /// every name. Roles of people are granted by the administrator afterwards.
    function deploy(DeploymentConfig memory config) internal returns (Contracts memory c) {
        c.authority = Authority(_create("Authority", abi.encode(config.adminDelay, config.admin)));
        c.identity = IIdentitySBT(_create("IdentitySBT", abi.encode(config.recoveryDelay)));
        c.datasets = IDatasetRegistry(_create("DatasetRegistry", abi.encode(c.identity)));
        c.regions = IRegionOracle(_create("RegionOracle", abi.encode(c.authority)));
        c.usageLog = IUsageLog(_create("UsageLog", abi.encode(c.authority)));
        c.algorithms = IAlgorithmRegistry(_create("AlgorithmRegistry", abi.encode(c.authority)));
        c.settlement = ISettlement(_create("Settlement", abi.encode(c.authority)));
        c.acl = IAccessACL(_create("AccessACL", abi.encode(c.authority, c.identity, c.datasets, c.regions)));
        c.credits = CreditToken(_create("CreditToken", abi.encode(c.authority)));
        c.permits = IJobPermits(_create("JobPermits", _permitsArguments(c, config)));
        c.registry = ContractRegistry(_create("ContractRegistry", abi.encode(c.authority)));
        _wire(c);
    }

    /// @dev `JobPermits` takes one struct; a struct of static fields encodes as its fields.
    function _permitsArguments(Contracts memory c, DeploymentConfig memory config)
        private
        pure
        returns (bytes memory)
    {
        address bondToken = config.bondInCredits ? address(c.credits) : address(0);
        return abi.encode(
            c.authority,
            c.acl,
            c.datasets,
            c.algorithms,
            c.settlement,
            c.usageLog,
            c.regions,
            bondToken,
            config.bondAmount,
            config.rulingWindow
        );
    }

    function _wire(Contracts memory c) private {
        c.authority.grantRole(Roles.PERMITS, address(c.permits));
        c.authority.grantRole(Roles.USAGE, address(c.permits));
        c.settlement.setTokenAllowed(address(c.credits), true);
        c.registry.publish("Authority", address(c.authority));
        c.registry.publish("IdentitySBT", address(c.identity));
        c.registry.publish("DatasetRegistry", address(c.datasets));
        c.registry.publish("RegionOracle", address(c.regions));
        c.registry.publish("UsageLog", address(c.usageLog));
        c.registry.publish("AlgorithmRegistry", address(c.algorithms));
        c.registry.publish("Settlement", address(c.settlement));
        c.registry.publish("AccessACL", address(c.acl));
        c.registry.publish("JobPermits", address(c.permits));
        c.registry.publish("CreditToken", address(c.credits));
    }

    /// @dev By artifact, not by import: the large contracts compile in another profile than scripts and tests.
    function _create(string memory name, bytes memory arguments) private returns (address created) {
        string memory artifact = string.concat(name, ".sol:", name);
        bytes memory code = bytes.concat(vm.getCode(artifact), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        require(created != address(0), string.concat("could not create ", name));
    }
}
