// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {GrantBook} from "./GrantBook.sol";
import {IAccessACL} from "../interfaces/IAccessACL.sol";
import {ClauseRules} from "../libraries/ClauseRules.sol";
import {Roles} from "../libraries/Roles.sol";
import {Charge, Clauses, Counters, Query} from "../types/GrantTypes.sol";

/// @title GrantReservations
/// @notice What grants hand out: ticket sessions, and runs with their privacy charge.
abstract contract GrantReservations is GrantBook {
    struct Reservation {
        uint64 epsilonMicro;
        uint64 deltaNano;
        uint32 exactReleases;
        bool held;
    }

    uint256 private _lastSession;
    mapping(address holder => mapping(bytes32 permitId => mapping(uint256 grantId => Reservation))) private
        _reservations;

    /// @inheritdoc IAccessACL
    function reserveTickets(uint256 grantId, uint8 op, uint32 count, address gateway)
        external
        override
        whenIssuing
        returns (bytes32 sessionId)
    {
        // Check
        if (count == 0 || (op != ClauseRules.READ && op != ClauseRules.EXPORT)) {
            revert AccessACL_BadSession(op, count);
        }
        Clauses memory c = _clauses[grantId];
        Query memory q = _query(msg.sender, op, c.purposeHash, c.regionCode, uint64(block.timestamp));
        q.tickets = count;
        _requireAllowed(grantId, c, q);
        if (c.regionCode != 0 && !regions.isIn(gateway, c.regionCode, q.time)) {
            revert AccessACL_GatewayOutsideRegion(gateway, c.regionCode);
        }

        // Effect
        _counters[grantId].ticketsReserved += count;
        sessionId = keccak256(abi.encode(block.chainid, address(this), grantId, ++_lastSession));
        emit TicketsReserved(sessionId, grantId, msg.sender, op, count, gateway);
    }

    /// @inheritdoc IAccessACL
    function reserve(bytes32 permitId, uint256 grantId, Query calldata query)
        external
        override
        onlyRole(Roles.PERMITS)
        whenIssuing
    {
        // Check: every clause, now. Version 0 or program 0 would skip a rule.
        if (query.version == 0 || query.algorithmId == 0) {
            revert AccessACL_IncompleteQuery(grantId, query.version, query.algorithmId);
        }
        Reservation storage reservation = _reservations[msg.sender][permitId][grantId];
        if (reservation.held) revert AccessACL_AlreadyReserved(permitId, grantId);
        Clauses memory c = _clauses[grantId];
        Query memory q = query;
        q.op = ClauseRules.COMPUTE;
        q.time = uint64(block.timestamp);
        q.tickets = 0;
        _requireAllowed(grantId, c, q);

        // Effect: the run, the rate window and the privacy charge are taken together.
        Counters storage n = _counters[grantId];
        ++n.runsReserved;
        uint64 index = ClauseRules.rateIndexAt(c, q.time);
        n.rateCount = n.rateIndex == index ? n.rateCount + 1 : 1;
        n.rateIndex = index;
        n.epsilonReserved += q.epsilonMicro;
        n.deltaReserved += q.deltaNano;
        n.releasesReserved += q.exactReleases;
        reservation.held = true;
        reservation.epsilonMicro = q.epsilonMicro;
        reservation.deltaNano = q.deltaNano;
        reservation.exactReleases = q.exactReleases;
        emit RunReserved(grantId, permitId, msg.sender, Charge(q.epsilonMicro, q.deltaNano, q.exactReleases));
    }

    /// @inheritdoc IAccessACL
    function commit(bytes32 permitId, uint256 grantId) external override {
        Reservation memory taken = _takeReservation(permitId, grantId);
        Counters storage n = _counters[grantId];
        ++n.runsUsed;
        n.epsilonUsed += taken.epsilonMicro;
        n.deltaUsed += taken.deltaNano;
        n.releasesUsed += taken.exactReleases;
        emit RunUsed(grantId, permitId);
    }

    /// @inheritdoc IAccessACL
    function giveBack(bytes32 permitId, uint256 grantId) external override {
        _takeReservation(permitId, grantId);
        emit RunReturned(grantId, permitId);
    }

    function _takeReservation(bytes32 permitId, uint256 grantId) private returns (Reservation memory taken) {
        // Check: only what this caller reserved, once.
        taken = _reservations[msg.sender][permitId][grantId];
        if (!taken.held) revert AccessACL_NoReservation(msg.sender, permitId, grantId);

        // Effect
        delete _reservations[msg.sender][permitId][grantId];
        Counters storage n = _counters[grantId];
        --n.runsReserved;
        n.epsilonReserved -= taken.epsilonMicro;
        n.deltaReserved -= taken.deltaNano;
        n.releasesReserved -= taken.exactReleases;
    }
}
