// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Contracts, Deployment, DeploymentConfig} from "./Deployment.sol";
import {vm} from "./Vm.sol";

/// @title Deploy
/// @notice `forge script script/Deploy.s.sol --rpc-url URL --broadcast --sender ADMIN ...`. The sender becomes the
/// administrator; hand over with `Authority.beginDefaultAdminTransfer(timelock)` when roles are set.
contract Deploy {
    /// @notice Lets forge run this contract.
    bool public constant IS_SCRIPT = true;

    /// @notice Deploys with the delays of the environment (seconds): COS_ADMIN_DELAY, COS_RECOVERY_DELAY,
    /// COS_RULING_WINDOW; COS_BOND in credits, 0 for none.
    function run() external returns (Contracts memory contracts) {
        uint256 bondAmount = vm.envOr("COS_BOND", uint256(0));
        DeploymentConfig memory config = DeploymentConfig({
            admin: msg.sender,
            adminDelay: uint48(vm.envOr("COS_ADMIN_DELAY", uint256(2 days))),
            recoveryDelay: uint64(vm.envOr("COS_RECOVERY_DELAY", uint256(7 days))),
            rulingWindow: uint32(vm.envOr("COS_RULING_WINDOW", uint256(7 days))),
            bondInCredits: bondAmount != 0,
            bondAmount: bondAmount
        });
        vm.startBroadcast();
        contracts = Deployment.deploy(config);
        vm.stopBroadcast();
    }
}
