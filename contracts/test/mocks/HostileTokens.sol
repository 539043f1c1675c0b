// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Keeps one unit of every transfer, as fee-on-transfer tokens do.
contract FeeOnTransferToken is ERC20 {
    constructor() ERC20("Taking", "TAKE") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _spendAllowance(from, msg.sender, amount);
        _burn(from, 1);
        _transfer(from, to, amount - 1);
        return true;
    }
}

/// @notice Calls back while it is transferred, and remembers what came of it.
contract ReentrantToken is ERC20 {
    address public target;
    bytes public payload;
    bool public attempted;
    bool public succeeded;

    constructor() ERC20("Reentrant", "LOOP") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
    }

    /// @notice Withdraws this contract's own balance, to be its own attacker.
    function withdrawFrom(address settlement) external {
        (bool ok,) =
            settlement.call(abi.encodeWithSignature("withdraw(address,address)", address(this), address(this)));
        require(ok, "withdraw failed");
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (target != address(0) && !attempted) {
            attempted = true;
            (succeeded,) = target.call(payload);
        }
    }
}
