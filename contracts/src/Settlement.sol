// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Guarded} from "./Guarded.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Settlement
/// @notice See {ISettlement}.
contract Settlement is ISettlement, Guarded, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Lock {
        address token;
        uint256 amount;
    }

    mapping(address token => bool) private _allowed;
    mapping(address token => uint256) private _owed;
    mapping(address locker => mapping(bytes32 key => Lock)) private _locks;
    mapping(address token => mapping(address account => uint256)) private _balances;

    constructor(IAuthority authority_) Guarded(authority_) {}

    /// @inheritdoc ISettlement
    function setTokenAllowed(address token, bool allowed) external override onlyRole(Roles.ADMIN) {
        if (token == address(0)) revert Settlement_ZeroAddress();
        _allowed[token] = allowed;
        emit TokenAllowed(token, allowed);
    }

    /// @inheritdoc ISettlement
    function lock(bytes32 key, address token, address payer, uint256 amount)
        external
        override
        onlyRole(Roles.PERMITS)
        nonReentrant
    {
        // Check
        if (!_allowed[token]) revert Settlement_TokenNotAllowed(token);
        if (amount == 0) revert Settlement_ZeroAmount();
        if (_locks[msg.sender][key].token != address(0)) revert Settlement_AlreadyLocked(msg.sender, key);

        // Effect
        _locks[msg.sender][key] = Lock({token: token, amount: amount});
        _owed[token] += amount;
        emit FeeLocked(msg.sender, key, payer, token, amount);

        // Interaction: what arrives must be what was asked for, or everything is undone.
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(payer, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received != amount) revert Settlement_WrongAmountReceived(token, amount, received);
    }

    /// @inheritdoc ISettlement
    function credit(bytes32 key, address account, uint256 amount) external override {
        Lock storage held = _locks[msg.sender][key];

        // Check
        if (account == address(0)) revert Settlement_ZeroAddress();
        if (amount > held.amount) revert Settlement_InsufficientLock(msg.sender, key, held.amount, amount);

        // Effect: the token is still here, only its owner is known now.
        held.amount -= amount;
        _balances[held.token][account] += amount;
        emit Credited(msg.sender, key, account, held.token, amount);
    }

    /// @inheritdoc ISettlement
    function withdraw(address token, address to) external override nonReentrant returns (uint256 amount) {
        // Check
        if (to == address(0)) revert Settlement_ZeroAddress();
        amount = _balances[token][msg.sender];
        if (amount == 0) revert Settlement_NothingToWithdraw(msg.sender, token);

        // Effect
        _balances[token][msg.sender] = 0;
        _owed[token] -= amount;
        emit Withdrawn(msg.sender, token, to, amount);

        // Interaction
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc ISettlement
    function balanceOf(address token, address account) external view override returns (uint256) {
        return _balances[token][account];
    }

    /// @inheritdoc ISettlement
    function lockOf(address locker, bytes32 key) external view override returns (address token, uint256 amount) {
        Lock memory held = _locks[locker][key];
        return (held.token, held.amount);
    }

    /// @inheritdoc ISettlement
    function owed(address token) external view override returns (uint256) {
        return _owed[token];
    }

    /// @inheritdoc ISettlement
    function isAllowed(address token) external view override returns (bool) {
        return _allowed[token];
    }
}
