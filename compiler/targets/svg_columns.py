"""Columns of a layered drawing: an order of items from left to right, and x positions that keep it.

An item fills one or more rows; links join items of neighbouring rows. Straight links come first: items are
joined to blocks that share one vertical line (as in Brandes & Köpf 2001), then the blocks move towards the
mean of their neighbours, kept apart by the order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

ROUNDS = 12  # of looking for a better order
STEPS, FINE_STEPS = 24, 3000  # of moving blocks within one order; of moving one block in the final one
NODE_GAP, LANE_GAP = 26.0, 15.0


@dataclass(slots=True, eq=False)
class Item:
    """A rectangle that fills the rows `first` to `last`.

    Attributes:
        lane: whether it is only a line.
        x: its left edge, set by `place`.
        up, down: rows of nodes on the path that ends (begins) with it, back to the last fork (on to the next
            merge); 0 for the lane of an edge that goes round them. Set by `place`.
    """

    width: float = 0.0
    first: int = 0
    last: int = 0
    lane: bool = False
    x: float = 0.0
    up: int = 0
    down: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A line from the lower side of `a` to the upper side of `b`, one row below.

    Attributes:
        out, into: where it meets them, from their left edges.
        up, down: as those of items, of what it meets inside `a` and `b` where these are groups.
    """

    a: Item
    b: Item
    out: float
    into: float
    up: int | None = None
    down: int | None = None


@dataclass(slots=True)
class _Block:
    """Items on one vertical line: their positions are the block's plus an offset."""

    lane: bool = True  # nothing but lanes
    apart: dict[int, float] = field(default_factory=dict[int, float])  # blocks to the right: least distance
    pulls: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])  # linked blocks, with the offset


def place(items: Sequence[Item], links: Sequence[Link]) -> None:
    """Set `x` of every item, so that items that share a row do not overlap, links are short and few cross."""
    number = {id(item): i for i, item in enumerate(items)}
    ends = [(number[id(link.a)], number[id(link.b)]) for link in links]
    _measure(items, ends)
    order = _depth_first(items, ends)
    best, best_cost, stale = order, float("inf"), 0
    for turn in range(ROUNDS if len(items) > 1 else 1):
        xs = _positions(items, links, ends, order)
        cost = sum(abs(xs[a] + link.out - xs[b] - link.into) for link, (a, b) in zip(links, ends, strict=True))
        better = cost < best_cost - 0.5
        if better:
            best, best_cost = order, cost
        stale = 0 if better else stale + 1
        last, order = order, _barycentres(items, links, ends, order, xs, downwards=turn % 2 == 0)
        if stale == 4 or (turn % 2 and order == last):
            break
    for item, x in zip(items, _positions(items, links, ends, best, finely=True), strict=True):
        item.x = x


def _measure(items: Sequence[Item], ends: Sequence[tuple[int, int]]) -> None:
    """Set `up` and `down` of all items."""
    above: list[set[int]] = [set() for _ in items]
    below: list[set[int]] = [set() for _ in items]
    for a, b in ends:
        above[b].add(a)
        below[a].add(b)
    downwards = sorted(range(len(items)), key=lambda i: items[i].first)
    for i in downwards:
        items[i].up = _rows(items[i])
        if len(above[i]) == 1 == len(below[upper := next(iter(above[i]))]):
            items[i].up += items[upper].up
    for i in reversed(downwards):
        items[i].down = _rows(items[i])
        if len(below[i]) == 1 == len(above[lower := next(iter(below[i]))]):
            items[i].down += items[lower].down


def _rows(item: Item) -> int:
    return 0 if item.lane else item.last - item.first + 1


def _depth_first(items: Sequence[Item], ends: Sequence[tuple[int, int]]) -> list[int]:
    """A first order: branch after branch as declared, lanes to the right, the longest one outermost."""
    below: dict[int, list[int]] = defaultdict(list)
    entered = {b for _, b in ends}
    for a, b in ends:
        below[a].append(b)

    def span(i: int) -> int:
        return items[i].last - items[i].first if items[i].lane else -1

    order: dict[int, None] = {}
    stack = sorted((i for i in range(len(items)) if i not in entered), key=lambda i: (-span(i), -i))
    while stack:
        i = stack.pop()
        if i not in order:
            order[i] = None
            stack += sorted((b for b in below[i] if b not in order), key=lambda b: (-span(b), -b))
    return list(order)


def _barycentres(
    items: Sequence[Item],
    links: Sequence[Link],
    ends: Sequence[tuple[int, int]],
    order: Sequence[int],
    xs: Sequence[float],
    downwards: bool,
) -> list[int]:
    """The order by the mean position of what each item is linked to above (or below)."""
    inward: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for link, (a, b) in zip(links, ends, strict=True):
        if downwards:
            inward[b].append((a, link.out - link.into))
        else:
            inward[a].append((b, link.into - link.out))
    keys = list(xs)
    for i in sorted(order, key=lambda i: items[i].first if downwards else -items[i].last):
        if inward[i]:
            keys[i] = sum(keys[other] + offset for other, offset in inward[i]) / len(inward[i])
    return sorted(order, key=lambda i: round(keys[i] + items[i].width / 2, 3))


def _positions(
    items: Sequence[Item],
    links: Sequence[Link],
    ends: Sequence[tuple[int, int]],
    order: Sequence[int],
    finely: bool = False,
) -> list[float]:
    """Left edges that keep `order` in every row."""
    rows: dict[int, list[int]] = defaultdict(list)
    for i in order:
        for row in range(items[i].first, items[i].last + 1):
            rows[row].append(i)
    straight = _straight(items, links, ends, order, rows)
    block_of, offset = _blocks(items, straight)
    blocks = [_Block() for _ in range(max(block_of, default=-1) + 1)]
    for i, item in enumerate(items):
        blocks[block_of[i]].lane &= item.lane
    for row in rows.values():
        for i, j in pairwise(row):
            gap = LANE_GAP if items[i].lane or items[j].lane else NODE_GAP
            least = offset[i] + items[i].width + gap - offset[j]
            apart = blocks[block_of[i]].apart
            apart[block_of[j]] = max(least, apart.get(block_of[j], least))
    for link, (a, b) in zip(links, ends, strict=True):
        if block_of[a] != block_of[b]:
            shift = offset[b] + link.into - offset[a] - link.out
            blocks[block_of[a]].pulls.append((block_of[b], shift))
            blocks[block_of[b]].pulls.append((block_of[a], -shift))
    at = _solve(blocks, max(STEPS, FINE_STEPS // len(blocks)) if finely else STEPS)
    return [at[block_of[i]] + offset[i] for i in range(len(items))]


def _straight(
    items: Sequence[Item],
    links: Sequence[Link],
    ends: Sequence[tuple[int, int]],
    order: Sequence[int],
    rows: dict[int, list[int]],
) -> list[tuple[int, int, float]]:
    """Links to draw straight, as (upper, lower, offset): at most one on each side of an item, none crossing another."""
    rank = {i: at for at, i in enumerate(order)}
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for at, (a, b) in enumerate(ends):
        above[b].append(at)
        below[a].append(at)
    up = [link.a.up if link.up is None else link.up for link in links]
    down = [link.b.down if link.down is None else link.down for link in links]

    def onwards(candidates: list[int], side: int) -> tuple[int, int] | None:
        """The link that goes on straight: the longer of two ways or the middle one, past edges that go round; the two
        in the middle where an even number leads to one item."""
        ways = [at for at in candidates if up[at] and down[at]] or candidates
        ways.sort(key=lambda at: (rank[ends[at][side]], links[at].out, links[at].into))
        lengths = [up[at] + down[at] for at in ways]
        if len(ways) == 2 and lengths[0] != lengths[1]:
            return (ways[0], ways[0]) if lengths[0] > lengths[1] else (ways[1], ways[1])
        middle = ways[(len(ways) - 1) // 2], ways[len(ways) // 2]
        return middle if len({ends[at][side] for at in (ways if len(ways) % 2 == 0 else middle)}) == 1 else None

    wanted = {onwards(ats, 0) for ats in above.values()}
    chosen = [pair for ats in below.values() if (pair := onwards(ats, 1)) in wanted and pair is not None]
    kept: dict[int, list[tuple[int, int]]] = {}
    straight: list[tuple[int, int, float]] = []
    for at, other in chosen:
        a, b = ends[at]
        row = items[a].last
        if row >= items[b].first:
            continue  # a lane that goes on beside `b`
        if row not in kept:
            kept[row] = [(rank[i], rank[i]) for i in rows[row] if items[i].last > row]
        pair = (rank[a], rank[b])
        near = bisect_left(kept[row], pair)
        if (near == 0 or kept[row][near - 1][1] < pair[1]) and (near == len(kept[row]) or kept[row][near][1] > pair[1]):
            insort(kept[row], pair)
            shifts = [links[i].out - links[i].into for i in (at, other)]
            straight.append((a, b, sum(shifts) / 2))
    return straight


def _blocks(items: Sequence[Item], straight: Sequence[tuple[int, int, float]]) -> tuple[list[int], list[float]]:
    """The block of each item, and the item's offset in it."""
    above = {b: (a, shift) for a, b, shift in straight}
    block, offset = [-1] * len(items), [0.0] * len(items)
    count = 0
    for i in sorted(range(len(items)), key=lambda i: items[i].first):
        if i in above:
            upper, shift = above[i]
            block[i], offset[i] = block[upper], offset[upper] + shift
        else:
            block[i], count = count, count + 1
    return block, offset


def _solve(blocks: Sequence[_Block], steps: int) -> list[float]:
    """Positions of blocks: near the mean of what pulls them, apart as they must be.

    Pushing to the right from the left end, and to the left from the right end, both keep all distances; so does
    their mean, which is symmetric.
    """
    order = _left_to_right(blocks)
    at = [0.0] * len(blocks)
    for step in range(steps):
        wish = [
            (x + sum(at[other] + shift for other, shift in block.pulls) / len(block.pulls)) / 2 if block.pulls else x
            for x, block in zip(at, blocks, strict=True)
        ]
        rightwards, leftwards = list(wish), list(wish)
        for i in order:
            for j, least in blocks[i].apart.items():
                rightwards[j] = max(rightwards[j], rightwards[i] + least)
        for i in reversed(order):
            for j, least in blocks[i].apart.items():
                leftwards[i] = min(leftwards[i], leftwards[j] - least)
        new = [(right + left) / 2 for right, left in zip(rightwards, leftwards, strict=True)]
        still = max((abs(x - y) for x, y in zip(at, new, strict=True)), default=0.0) < 0.01
        at = new
        if still and step:
            break
    _settle(blocks, order, at)
    return at


def _settle(blocks: Sequence[_Block], order: Sequence[int], at: list[float]) -> None:
    """Move each block, within its room, to where its lines bend least (their median); a lane to one end of its way."""
    least: list[list[tuple[int, float]]] = [[] for _ in blocks]
    for i, block in enumerate(blocks):
        for j, distance in block.apart.items():
            least[j].append((i, distance))
    for i in (*order, *reversed(order)):
        block = blocks[i]
        wishes = sorted(at[other] + shift for other, shift in block.pulls)
        if not wishes:
            continue
        low, high = wishes[(len(wishes) - 1) // 2], wishes[len(wishes) // 2]
        if block.lane and at[i] - low < high - at[i]:
            high = low
        elif block.lane:
            low = high
        x = (low + high) / 2
        x = min([x, *(at[j] - distance for j, distance in block.apart.items())])
        at[i] = max([x, *(at[j] + distance for j, distance in least[i])])


def _left_to_right(blocks: Sequence[_Block]) -> list[int]:
    degree = [0] * len(blocks)
    for block in blocks:
        for j in block.apart:
            degree[j] += 1
    order = [i for i, count in enumerate(degree) if not count]
    for i in order:
        for j in blocks[i].apart:
            degree[j] -= 1
            if not degree[j]:
                order.append(j)
    return order
