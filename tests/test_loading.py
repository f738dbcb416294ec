"""A fork and a load of modules wait for each other."""

from __future__ import annotations

import threading

from muxi_llm.loading import Loading


def test_waiting_is_for_other_threads_alone() -> None:
    """A module that forks while it is loaded does not wait for itself."""
    loading = Loading()
    with loading.under_way(), loading.under_way():
        loading.before_fork()
        with loading.under_way():
            loading.after_fork()


def test_a_fork_waits_for_a_load() -> None:
    loading = Loading()
    order: list[str] = []
    began, ends = threading.Event(), threading.Event()

    def load() -> None:
        with loading.under_way():
            began.set()
            ends.wait(10)
            order.append("loaded")

    thread = threading.Thread(target=load)
    thread.start()
    began.wait(10)
    threading.Timer(0.05, ends.set).start()
    loading.before_fork()
    order.append("forked")
    thread.join()
    assert order == ["loaded", "forked"]


def test_a_load_waits_for_a_fork() -> None:
    loading = Loading()
    order: list[str] = []
    loading.before_fork()

    def load() -> None:
        with loading.under_way():
            order.append("loaded")

    thread = threading.Thread(target=load)
    thread.start()
    thread.join(0.1)
    order.append("forked")
    loading.after_fork()
    thread.join()
    assert order == ["forked", "loaded"]


def test_a_child_knows_its_own_thread_alone() -> None:
    loading = Loading()
    me = threading.get_ident()
    loading._threads, loading._forking = {me: 2, -1: 1}, me
    loading.after_fork_in_child()
    loading.before_fork()
    assert loading._threads == {me: 2}
