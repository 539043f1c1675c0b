// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guarded} from "./Guarded.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title ContractRegistry
/// @notice Names to addresses, versioned. Contracts are immutable: a new version is a new address here, and what an
/// old version began it finishes.
contract ContractRegistry is Guarded {
    /// @notice A version names code, not an empty account.
    error ContractRegistry_NoCode(bytes32 name, address addr);
    /// @notice No such name or version.
    error ContractRegistry_Unknown(bytes32 name, uint32 version);

    /// @notice A version was published.
    event ContractPublished(bytes32 indexed name, uint32 indexed version, address indexed addr);

    mapping(bytes32 name => address[]) private _versions;

    constructor(IAuthority authority_) Guarded(authority_) {}

    /// @notice Publishes the next version of `name`. Requires the administrator.
    /// @param name Left-aligned ASCII, such as "JobPermits".
    /// @return version Number of the version, from 1.
    function publish(bytes32 name, address addr) external onlyRole(Roles.ADMIN) returns (uint32 version) {
        if (addr.code.length == 0) revert ContractRegistry_NoCode(name, addr);
        _versions[name].push(addr);
        version = uint32(_versions[name].length);
        emit ContractPublished(name, version, addr);
    }

    /// @notice The latest version of `name`. Reverts if there is none.
    function latest(bytes32 name) external view returns (address addr, uint32 version) {
        version = uint32(_versions[name].length);
        if (version == 0) revert ContractRegistry_Unknown(name, 0);
        addr = _versions[name][version - 1];
    }

    /// @notice One version of `name`, counted from 1. Reverts if there is none.
    function addressOf(bytes32 name, uint32 version) external view returns (address) {
        if (version == 0 || version > _versions[name].length) revert ContractRegistry_Unknown(name, version);
        return _versions[name][version - 1];
    }
}
