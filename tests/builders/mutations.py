"""Seeded damage: the same seed changes the same bytes in the same way."""

import random
from collections.abc import Callable

PAGE = 4096
_NUMBERS = (0, 1, 2, 3, 16, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 32, (1 << 64) - 1)

type Mutation = Callable[[random.Random, bytearray], None]


def _page_start(rng: random.Random, data: bytearray) -> int:
    return rng.randrange(max(len(data) // PAGE, 1)) * PAGE


def flip_a_bit(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_a_bit_at_the_start_of_a_page(rng: random.Random, data: bytearray) -> None:
    """Where headers, element tables and metas are."""
    data[min(_page_start(rng, data) + rng.randrange(160), len(data) - 1)] ^= 1 << rng.randrange(8)


def overwrite_a_number(rng: random.Random, data: bytearray) -> None:
    width = rng.choice((2, 4, 8))
    at = _page_start(rng, data) + rng.randrange(0, 160, 2)
    number = rng.choice((*_NUMBERS, rng.randrange(1 << 16)))
    if at + width <= len(data):
        data[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "little")


def nudge_a_number(rng: random.Random, data: bytearray) -> None:
    at = min(_page_start(rng, data) + rng.randrange(160), len(data) - 1)
    data[at] = (data[at] + rng.choice((-1, 1, 16, -16))) % 256


def overwrite_a_run(rng: random.Random, data: bytearray) -> None:
    at, length = rng.randrange(len(data)), rng.randrange(1, 600)
    run = rng.randbytes(length)[: len(data) - at]
    data[at : at + len(run)] = run


def zero_a_page(rng: random.Random, data: bytearray) -> None:
    at = _page_start(rng, data)
    data[at : at + PAGE] = bytes(len(data[at : at + PAGE]))


def swap_two_pages(rng: random.Random, data: bytearray) -> None:
    one, other = _page_start(rng, data), _page_start(rng, data)
    if len(data) >= max(one, other) + PAGE:
        data[one : one + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[one : one + PAGE]


def copy_a_page_over_another(rng: random.Random, data: bytearray) -> None:
    one, other = _page_start(rng, data), _page_start(rng, data)
    if len(data) >= max(one, other) + PAGE:
        data[one : one + PAGE] = data[other : other + PAGE]


def copy_a_page_over_another_with_its_id(rng: random.Random, data: bytearray) -> None:
    one, other = _page_start(rng, data), _page_start(rng, data)
    if len(data) >= max(one, other) + PAGE:
        data[one + 8 : one + PAGE] = data[other + 8 : other + PAGE]


def double_a_range(rng: random.Random, data: bytearray) -> None:
    at, length = rng.randrange(len(data)), rng.choice((1, 32, 512, PAGE, 3 * PAGE))
    data[at:at] = data[at : at + length]


def cut_the_end(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def cut_whole_pages_from_the_end(rng: random.Random, data: bytearray) -> None:
    del data[_page_start(rng, data) :]


def cut_a_range(rng: random.Random, data: bytearray) -> None:
    at, length = rng.randrange(len(data)), rng.choice((1, 32, 512, PAGE, 3 * PAGE))
    del data[at : at + length]


def append_something(rng: random.Random, data: bytearray) -> None:
    data += rng.randbytes(rng.choice((1, 31, 32, 512, PAGE)))


MUTATIONS: tuple[Mutation, ...] = (
    flip_a_bit,
    flip_a_bit_at_the_start_of_a_page,
    flip_a_bit_at_the_start_of_a_page,
    overwrite_a_number,
    overwrite_a_number,
    nudge_a_number,
    overwrite_a_run,
    zero_a_page,
    swap_two_pages,
    copy_a_page_over_another,
    copy_a_page_over_another_with_its_id,
    double_a_range,
    cut_the_end,
    cut_whole_pages_from_the_end,
    cut_a_range,
    append_something,
)


def mutate(seed: int, data: bytes) -> bytes:
    """One mutation, now and then two."""
    rng = random.Random(seed)
    changed = bytearray(data)
    for mutation in rng.choices(MUTATIONS, k=rng.choice((1, 1, 1, 2))):
        if changed:
            mutation(rng, changed)
    return bytes(changed)
