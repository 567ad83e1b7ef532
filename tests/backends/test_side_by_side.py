"""Pictures computed beside each other."""

from __future__ import annotations

import threading

import pytest
import torch

from cmet_cli.backends.side_by_side import LARGE_PX, MOST, shares, side_by_side

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cores", "pictures", "size_px", "device", "expected"),
    [
        (4, 2, LARGE_PX, CPU, 2),
        (4, 9, LARGE_PX, CPU, 4),
        (1, 9, LARGE_PX, CPU, 1),
        (64, 99, LARGE_PX, CPU, MOST),
        (4, 9, LARGE_PX - 1, CPU, 1),
        (4, 9, LARGE_PX, torch.device("cuda", 0), 1),
        (4, 0, LARGE_PX, CPU, 1),
    ],
)
def test_as_many_parts_as_there_are_threads(
    monkeypatch, cores, pictures, size_px, device, expected
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    assert shares(pictures, size_px, device) == expected


@pytest.mark.parametrize(("cores", "parts", "each"), [(8, 2, 4), (7, 3, 2), (2, 3, 1)])
def test_few_parts_share_all_the_threads(threads, cores, parts, each):
    threads(cores)
    assert side_by_side(torch.get_num_threads, [()] * parts) == [each] * parts
    assert torch.get_num_threads() == cores


def test_each_part_has_a_thread_of_its_own_and_they_come_back_in_order(threads):
    threads(2)
    together = threading.Barrier(3, timeout=30)

    def work(number: int) -> tuple[int, int, bool, str]:
        together.wait()  # breaks unless all three are here at once
        name = threading.current_thread().name
        return number, torch.get_num_threads(), torch.is_inference_mode_enabled(), name

    found = side_by_side(work, [(0,), (1,), (2,)])
    assert [one[0] for one in found] == [0, 1, 2]
    assert [one[1:3] for one in found] == [(1, True)] * 3
    assert len({one[3] for one in found}) == 3
    assert torch.get_num_threads() == 2
    others = []
    late = threading.Thread(target=lambda: others.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert others == [2]


def test_one_part_stays_where_it_is(threads):
    threads(2)
    here = threading.current_thread()
    assert side_by_side(lambda: (threading.current_thread(), torch.get_num_threads()), [()]) == [
        (here, 2)
    ]


def test_what_goes_wrong_is_told_and_the_threads_are_as_before(threads):
    threads(2)

    def work(number: int) -> int:
        if number:
            raise torch.OutOfMemoryError
        return number

    with pytest.raises(torch.OutOfMemoryError):
        side_by_side(work, [(0,), (1,)])
    assert torch.get_num_threads() == 2
