// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Guarded} from "./Guarded.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title CreditToken
/// @notice Development fee token for private chains and demonstrations: whoever holds MINTER makes it.
contract CreditToken is ERC20, Guarded {
    constructor(IAuthority authority_) ERC20("COS development credit", "COSC") Guarded(authority_) {}

    /// @notice Mints `amount` to `to`. Requires the MINTER role.
    function mint(address to, uint256 amount) external onlyRole(Roles.MINTER) {
        _mint(to, amount);
    }
}
