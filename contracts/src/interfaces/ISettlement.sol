// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ISettlement
/// @notice The money of permits: locks, credits, pull payments. For every token, the sum of locks and balances
/// equals what the contract received; a direct gift of tokens belongs to nobody.
interface ISettlement {
    /// @notice The token is not on the list.
    error Settlement_TokenNotAllowed(address token);
    /// @notice The token delivered another amount than was asked for.
    error Settlement_WrongAmountReceived(address token, uint256 requested, uint256 received);
    /// @notice The lock exists already.
    error Settlement_AlreadyLocked(address locker, bytes32 key);
    /// @notice The lock holds less than is to be paid.
    error Settlement_InsufficientLock(address locker, bytes32 key, uint256 locked, uint256 requested);
    /// @notice There is nothing to withdraw.
    error Settlement_NothingToWithdraw(address account, address token);
    /// @notice The zero address receives nothing.
    error Settlement_ZeroAddress();
    /// @notice A lock holds at least one unit.
    error Settlement_ZeroAmount();

    /// @notice A token was put on the list, or taken off it. Taking it off stops new locks only.
    event TokenAllowed(address indexed token, bool allowed);
    /// @notice An amount was locked.
    event FeeLocked(
        address indexed locker, bytes32 indexed key, address indexed payer, address token, uint256 amount
    );
    /// @notice An amount moved from a lock to an account's balance.
    event Credited(
        address indexed locker, bytes32 indexed key, address indexed account, address token, uint256 amount
    );
    /// @notice An account withdrew its balance.
    event Withdrawn(address indexed account, address indexed token, address indexed to, uint256 amount);

    /// @notice Puts a token on the list or takes it off. Requires the administrator.
    function setTokenAllowed(address token, bool allowed) external;

    /// @notice Locks `amount` of `token` from `payer`, who has approved this contract. Requires the PERMITS role, an
    /// allowed token and a key that the caller has not used. The received amount must equal the requested one.
    function lock(bytes32 key, address token, address payer, uint256 amount) external;

    /// @notice Credits `amount` of the caller's lock to `account`. Only the contract that locked can reach a lock,
    /// so it needs no role (and a permit contract that lost its role still finishes its permits).
    function credit(bytes32 key, address account, uint256 amount) external;

    /// @notice Sends the caller's whole balance of `token` to `to`. Never paused.
    /// @return amount What was sent.
    function withdraw(address token, address to) external returns (uint256 amount);

    /// @notice What `account` can withdraw.
    function balanceOf(address token, address account) external view returns (uint256);

    /// @notice What is left in a lock, and its token.
    function lockOf(address locker, bytes32 key) external view returns (address token, uint256 amount);

    /// @notice Sum of all locks and balances of a token.
    function owed(address token) external view returns (uint256);

    /// @notice Whether a token is on the list.
    function isAllowed(address token) external view returns (bool);
}
