// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {GrantBook} from "./grants/GrantBook.sol";
import {GrantReservations} from "./grants/GrantReservations.sol";
import {GrantWorkflow} from "./grants/GrantWorkflow.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {IDatasetRegistry} from "./interfaces/IDatasetRegistry.sol";
import {IIdentitySBT} from "./interfaces/IIdentitySBT.sol";
import {IRegionOracle} from "./interfaces/IRegionOracle.sol";

/// @title AccessACL
/// @notice See {IAccessACL}. Assembled from {GrantBook} (what is stored and every question), {GrantWorkflow} (request
/// to revocation) and {GrantReservations} (tickets and runs); the rules themselves are in {ClauseRules}.
contract AccessACL is GrantWorkflow, GrantReservations {
    constructor(IAuthority authority_, IIdentitySBT identity_, IDatasetRegistry datasets_, IRegionOracle regions_)
        GrantBook(authority_, identity_, datasets_, regions_)
    {}
}
