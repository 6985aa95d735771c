"""Races of several cars: the kernel's step, with wakes before it and contacts within it.

Rows are advanced in waves of whole races, as many as fit into a block. The result for a race does
not depend on other races, on the wave or on threads. A car without contact and wake moves exactly,
to the last bit, as if it were alone.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from retroracer.compiled import compiled
from retroracer.physics import block, boxes, contact
from retroracer.physics import car as c
from retroracer.physics import company as co
from retroracer.physics import state as st
from retroracer.physics.block import LANES
from retroracer.physics.company import MOST_CARS, Company
from retroracer.physics.dynamics import cos_sin
from retroracer.physics.kernel import LOAD, MOVE, SAVE, SETTLE, advance_block, find_foot
from retroracer.physics.state import Cars
from retroracer.physics.wake import REACH, shade
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Ints

BLOCKS = (MOST_CARS + LANES - 1) // LANES

CHUNK = 32
"""Races a thread takes at a time."""

APART = 1.0
"""Two cars that touch again within this time [s] are still in the same contact."""


@compiled(inline=True)
def shift_lane(w: Array, j: int, dx: float, dy: float) -> None:
    """Move the car in lane ``j`` aside after its step, and find its foot in the cell anew."""
    x, y = w[st.X * LANES + j] + dx, w[st.Y * LANES + j] + dy
    w[st.X * LANES + j] = x
    w[st.Y * LANES + j] = y
    moved = np.sqrt(w[block.MOVED2 * LANES + j]) + np.sqrt(dx * dx + dy * dy)
    w[block.MOVED2 * LANES + j] = moved * moved
    find_foot(w, j, x, y)


@compiled(inline=True)
def gather(blocks: Array, first: int, begin: int, n: int, company: Company, bodies: Array) -> None:
    """Fill ``bodies`` with the ``n`` cars of a race, from row ``begin`` on.

    ``blocks`` (BLOCKS, columns) are those of the wave, whose first row is ``first``.
    """
    for m in range(n):
        at = begin + m - first
        q, j = at // LANES, at % LANES
        cos, sin = cos_sin(blocks[q, st.HEADING * LANES + j])
        vx, vy = blocks[q, st.VX * LANES + j], blocks[q, st.VY * LANES + j]
        half_length = blocks[q, (block.PARAMS + c.HALF_LENGTH) * LANES + j]
        half_width = blocks[q, (block.PARAMS + c.HALF_WIDTH) * LANES + j]
        solid = 1.0 if company.solid[begin + m] else 0.0
        bodies[m, boxes.BODY_X] = blocks[q, st.X * LANES + j]
        bodies[m, boxes.BODY_Y] = blocks[q, st.Y * LANES + j]
        bodies[m, boxes.BODY_COS] = cos
        bodies[m, boxes.BODY_SIN] = sin
        bodies[m, boxes.BODY_LONG] = half_length
        bodies[m, boxes.BODY_WIDE] = half_width
        bodies[m, contact.BODY_VX] = vx * cos - vy * sin
        bodies[m, contact.BODY_VY] = vx * sin + vy * cos
        bodies[m, contact.BODY_SPIN] = blocks[q, st.YAW_RATE * LANES + j]
        bodies[m, contact.PER_MASS] = solid * blocks[q, (block.PARAMS + c.PER_MASS) * LANES + j]
        bodies[m, contact.PER_INERTIA] = blocks[q, (block.PARAMS + c.PER_INERTIA) * LANES + j]
        bodies[m, contact.BODY_REACH] = contact.reach_of(half_length, half_width)
        bodies[m, contact.TRACK_X] = blocks[q, block.CELL_TX * LANES + j]
        bodies[m, contact.TRACK_Y] = blocks[q, block.CELL_TY * LANES + j]
        bodies[m, contact.STATION] = blocks[q, st.S * LANES + j]
        bodies[m, contact.CLOCK] = blocks[q, st.TIME * LANES + j]


@compiled(inline=True)
def record_contacts(
    contacts: Array,
    found: int,
    bodies: Array,
    begin: int,
    company: Company,
) -> None:
    """Record the cars, closing speeds and fault of contacts, before they are solved."""
    marks = company.marks
    for m in range(found):
        k = contacts[m]
        p, q = int(k[contact.FIRST]), int(k[contact.SECOND])
        i, j = begin + p, begin + q
        closing = max(k[contact.CLOSING], 0.0)
        share = contact.fault(bodies[p], bodies[q], k)
        now = bodies[p, contact.CLOCK]
        company.blame[i, q] += share * closing * closing
        company.blame[j, p] += (1.0 - share) * closing * closing
        company.bump[i, q] = company.bump[j, p] = max(company.bump[i, q], closing)
        marks[i, co.STEP_BUMP] = max(marks[i, co.STEP_BUMP], closing)
        marks[j, co.STEP_BUMP] = max(marks[j, co.STEP_BUMP], closing)
        if now - company.touched[i, q] > APART:
            marks[i, co.CONTACTS] += 1.0
            marks[j, co.CONTACTS] += 1.0
            marks[i, co.AT_FAULT] += 1.0 if share >= 0.5 else 0.0
            marks[j, co.AT_FAULT] += 1.0 if share <= 0.5 else 0.0
        company.touched[i, q] = company.touched[j, p] = now


@compiled(inline=True)
def meet(
    blocks: Array,
    first: int,
    begin: int,
    n: int,
    length: float,
    company: Company,
    bodies: Array,
    contacts: Array,
    corners: Array,
    dt: float,
) -> None:
    """Find and solve the contacts of a race after its cars have moved; arguments as ``gather``."""
    gather(blocks, first, begin, n, company, bodies)
    found = contact.find_contacts(bodies, n, length, contacts, corners, dt)
    if found == 0:
        return
    record_contacts(contacts, found, bodies, begin, company)
    contact.solve(bodies, n, contacts, found)
    for m in range(n):
        body = bodies[m]
        if body[contact.MEETS] == 0.0:
            continue
        at = begin + m - first
        w, j = blocks[at // LANES], at % LANES
        cos, sin = body[boxes.BODY_COS], body[boxes.BODY_SIN]
        vx = body[contact.BODY_VX] * cos + body[contact.BODY_VY] * sin
        vy = body[contact.BODY_VY] * cos - body[contact.BODY_VX] * sin
        spin = body[contact.BODY_SPIN]
        w[st.VX * LANES + j] = vx
        w[st.VY * LANES + j] = vy
        w[st.YAW_RATE * LANES + j] = spin
        # Rates for the integrator's prediction: constant velocity, in the turning body frame.
        w[st.AX * LANES + j] = vy * spin
        w[st.AY * LANES + j] = -vx * spin
        w[st.AR * LANES + j] = 0.0
        company.marks[begin + m, co.STEP_CONTACT] += dt
        shift_lane(w, j, body[contact.SHIFT_X], body[contact.SHIFT_Y])


@compiled(inline=True)
def apply_wakes(
    blocks: Array, first: int, begin: int, n: int, length: float, cars: Cars, company: Company
) -> None:
    """Reduce drag and downforce of the cars of a race by the wakes they are in."""
    params, marks = cars.params, company.marks
    for i in range(begin, begin + n):
        q, j = (i - first) // LANES, (i - first) % LANES
        x, y = blocks[q, st.X * LANES + j], blocks[q, st.Y * LANES + j]
        most = 0.0
        for k in range(begin, begin + n):
            if k == i or not (company.solid[i] and company.solid[k]):
                continue
            o, m = (k - first) // LANES, (k - first) % LANES
            dx, dy = blocks[o, st.X * LANES + m] - x, blocks[o, st.Y * LANES + m] - y
            lengths = params[i, c.HALF_LENGTH] + params[k, c.HALF_LENGTH]
            if dx * dx + dy * dy > (REACH + lengths) ** 2:
                continue
            if (
                contact.along_apart(
                    blocks[q, st.S * LANES + j], blocks[o, st.S * LANES + m], length
                )
                > 2.0 * REACH
            ):
                continue
            cos, sin = cos_sin(blocks[o, st.HEADING * LANES + m])
            share = shade(
                dx * cos + dy * sin,
                abs(dy * cos - dx * sin),
                lengths,
                params[i, c.HALF_WIDTH] + params[k, c.HALF_WIDTH],
                blocks[o, st.VX * LANES + m],
                blocks[q, st.VX * LANES + j],
                params[k, c.DRAG] / params[i, c.DRAG],
            )
            most = max(most, share)
        tow, loss = most * company.air[i, co.AIR_TOW], most * company.air[i, co.AIR_LOSS]
        marks[i, co.TOW] = tow
        marks[i, co.LOSS] = loss
        blocks[q, (block.PARAMS + c.DRAG) * LANES + j] = params[i, c.DRAG] * (1.0 - tow)
        blocks[q, (block.PARAMS + c.LIFT_FRONT) * LANES + j] = params[i, c.LIFT_FRONT] * (
            1.0 - loss
        )
        blocks[q, (block.PARAMS + c.LIFT_REAR) * LANES + j] = params[i, c.LIFT_REAR] * (1.0 - loss)


@compiled()
def advance_races(
    cars: Cars,
    company: Company,
    bank: TrackBank,
    actions: Array,
    n_substeps: int,
    dt: float,
    begin_race: int,
    end_race: int,
) -> None:
    """Advance the cars of races ``begin_race`` to ``end_race``; see ``kernel.advance_block``."""
    blocks = np.zeros((BLOCKS, block.N_COLUMNS * LANES))
    bodies = np.zeros((MOST_CARS, contact.N_BODY))
    contacts = np.zeros((contact.MOST_CONTACTS, contact.N_CONTACT))
    corners = np.zeros((2, 16, 2))
    begins = company.begins
    race = begin_race
    while race < end_race:
        first = begins[race]
        stop = race + 1
        while stop < end_race and begins[stop + 1] - first <= LANES:
            stop += 1
        end = begins[stop]
        count = (end - first + LANES - 1) // LANES
        clear_step(company, first, end)
        for k in range(count):
            row = first + k * LANES
            lanes = min(LANES, end - row)
            advance_block(blocks[k], cars, bank, actions, row, lanes, 0, dt, LOAD)
        for _ in range(n_substeps):
            for r in range(race, stop):
                n = begins[r + 1] - begins[r]
                if n > 1:
                    length = bank.facts[cars.ints[begins[r], st.TRACK], b.LENGTH]
                    apply_wakes(blocks, first, begins[r], n, length, cars, company)
            for k in range(count):
                row = first + k * LANES
                lanes = min(LANES, end - row)
                advance_block(blocks[k], cars, bank, actions, row, lanes, 1, dt, MOVE)
            for r in range(race, stop):
                n = begins[r + 1] - begins[r]
                if n > 1:
                    length = bank.facts[cars.ints[begins[r], st.TRACK], b.LENGTH]
                    meet(
                        blocks, first, begins[r], n, length, company, bodies, contacts, corners,
                        dt,
                    )  # fmt: skip
            for k in range(count):
                row = first + k * LANES
                lanes = min(LANES, end - row)
                advance_block(blocks[k], cars, bank, actions, row, lanes, 1, dt, SETTLE)
        for k in range(count):
            row = first + k * LANES
            lanes = min(LANES, end - row)
            advance_block(blocks[k], cars, bank, actions, row, lanes, 0, dt, SAVE)
        race = stop


@compiled(inline=True)
def clear_step(company: Company, begin: int, end: int) -> None:
    """Clear the contacts of rows ``begin`` to ``end`` that the last advance recorded."""
    for i in range(begin, end):
        if company.marks[i, co.STEP_CONTACT] > 0.0:
            company.blame[i] = 0.0
            company.bump[i] = 0.0
        company.marks[i, co.STEP_CONTACT] = 0.0
        company.marks[i, co.STEP_BUMP] = 0.0


@compiled(parallel=True)
def advance_races_parallel(
    cars: Cars, company: Company, bank: TrackBank, actions: Array, n_substeps: int, dt: float
) -> None:
    """Advance all races on all threads."""
    n = len(company.begins) - 1
    for k in prange((n + CHUNK - 1) // CHUNK):
        end = min(n, (k + 1) * CHUNK)
        advance_races(cars, company, bank, actions, n_substeps, dt, k * CHUNK, end)


@compiled()
def forget(company: Company, rows: Ints) -> None:
    """Reset cars that are placed again: solid, and without contacts."""
    for i in rows:
        company.solid[i] = True
        company.marks[i] = 0.0
        company.blame[i] = 0.0
        company.bump[i] = 0.0
        race = np.searchsorted(company.begins, i, side="right") - 1
        begin, end = company.begins[race], company.begins[race + 1]
        company.touched[i] = co.NEVER
        for k in range(begin, end):
            company.touched[k, i - begin] = co.NEVER
