from daemon.config.parallelism import Parallelism, Trial, best, candidates

USUAL = Parallelism(4, 1, 4)


def test_the_usual_layout_is_tried_first_and_none_twice() -> None:
    tried = candidates(USUAL, cores=4, on_cpu=True)
    assert tried[0] == USUAL and len(set(tried)) == len(tried)
    assert {(layout.workers, layout.cpu_threads) for layout in tried} == {(4, 1), (2, 2), (1, 4)}


def test_one_core_has_one_shape() -> None:
    assert {layout.workers for layout in candidates(Parallelism(1, 1, 4), cores=1, on_cpu=True)} == {1}


def test_a_gpu_is_tried_with_larger_batches() -> None:
    assert max(layout.batch_size for layout in candidates(Parallelism(2, 1, 16), cores=8, on_cpu=False)) == 32


def test_what_the_configuration_has_settled_is_not_tried() -> None:
    tried = candidates(USUAL, cores=4, on_cpu=True, settled=("batch_size",))
    assert [(layout.workers, layout.batch_size) for layout in tried] == [(4, 4), (2, 4), (1, 4)]
    tried = candidates(USUAL, cores=4, on_cpu=True, settled=("workers", "cpu_threads"))
    assert [(layout.workers, layout.batch_size) for layout in tried] == [(4, 4), (4, 2), (4, 8)]
    assert candidates(USUAL, cores=4, on_cpu=True, settled=("workers", "cpu_threads", "batch_size")) == [USUAL]


def test_only_a_clear_winner_replaces_the_usual_layout() -> None:
    other = Parallelism(2, 2, 4)
    assert best([Trial(USUAL, 10.0), Trial(other, 10.5)]) == USUAL
    assert best([Trial(USUAL, 10.0), Trial(other, 12.0)]) == other
